package replay

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
)

const (
	// maxLine bounds what is looked at of one line of the log: a server's words begin
	// after a prefix of some dozen bytes, and a statement may be of any length.
	maxLine = 4 << 10
	// maxWords bounds how many lines one look at the log keeps.
	maxWords = 1000
)

// firstWords are a server's first in its log (src/backend/postmaster/postmaster.c).
const firstWords = "LOG:  starting PostgreSQL"

// words returns the first lines of this run in the log that contain any of the phrases,
// which Configure keeps in English. The whole log is read, however much was said since;
// of a log that cannot be read there are none. What an earlier server of the directory
// said is none of them.
func (f *follower) words(phrases ...string) []string {
	var found []string
	f.eachLine(func() { found = nil }, func(line string) {
		if len(found) < maxWords && containsAny(line, phrases) {
			found = append(found, strings.TrimSpace(line))
		}
	})
	return found
}

func containsAny(line string, phrases []string) bool {
	for _, phrase := range phrases {
		if strings.Contains(line, phrase) {
			return true
		}
	}
	return false
}

// eachLine calls said with the beginning of each line of the log, up to the first that
// cannot be read, and begun before what a server says first.
func (f *follower) eachLine(begun func(), said func(line string)) {
	file, err := os.Open(f.cluster.LogFile)
	if err != nil {
		return
	}
	defer func() { _ = file.Close() }() // only read
	if _, err := file.Seek(f.logFrom, io.SeekStart); err != nil {
		return
	}
	reader := bufio.NewReaderSize(file, maxLine)
	for inside := false; ; {
		line, err := reader.ReadSlice('\n')
		if len(line) > 0 && !inside {
			text := string(line)
			if strings.Contains(text, firstWords) {
				begun()
			}
			said(text)
		}
		inside = errors.Is(err, bufio.ErrBufferFull) // the rest of a long line
		if err != nil && !inside {
			return
		}
	}
}
