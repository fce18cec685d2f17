package pgbouncer

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Server is where a pool entry leads.
type Server struct {
	Host string `json:"host"` // name, address, or socket directory
	Port int    `json:"port"`
}

// String returns host:port.
func (s Server) String() string { return fmt.Sprintf("%s:%d", s.Host, s.Port) }

// maxConfigBytes bounds the configuration file: a real one is a few kilobytes.
const maxConfigBytes = 1 << 20

var (
	keyValue = regexp.MustCompile(`(\w+)\s*=\s*('[^']*'|\S+)`)
	safeHost = regexp.MustCompile(`^[A-Za-z0-9_./:-]{1,255}$`)
)

// serverOf reads host and port of entry from the text of a [databases] section.
func serverOf(config, entry string) (Server, error) {
	line, _, err := findEntry(config, entry)
	if err != nil {
		return Server{}, err
	}
	server := Server{Port: 5432} // PgBouncer's default
	_, settings, _ := strings.Cut(line, "=")
	for _, match := range keyValue.FindAllStringSubmatch(settings, -1) {
		value := strings.Trim(match[2], "'")
		switch match[1] {
		case "host":
			server.Host = value
		case "port":
			server.Port, err = strconv.Atoi(value)
			if err != nil {
				return Server{}, failure.New(failure.Corrupt, "entry %s of the PgBouncer configuration has port %.20q", entry, value)
			}
		}
	}
	return server, nil
}

// withServer returns config with entry's host and port replaced and everything
// else, comments and other settings included, as it was.
func withServer(config, entry string, to Server) (string, error) {
	if !safeHost.MatchString(to.Host) || to.Port < 1 || to.Port > 65535 {
		return "", failure.Invalid("server", "%s is not a host and a port", to)
	}
	line, index, err := findEntry(config, entry)
	if err != nil {
		return "", err
	}
	name, settings, _ := strings.Cut(line, "=")
	kept := []string{"host=" + to.Host, "port=" + strconv.Itoa(to.Port)}
	for _, match := range keyValue.FindAllStringSubmatch(settings, -1) {
		if match[1] != "host" && match[1] != "port" {
			kept = append(kept, match[1]+"="+match[2])
		}
	}
	lines := strings.Split(config, "\n")
	lines[index] = strings.TrimRight(name, " \t") + " = " + strings.Join(kept, " ")
	return strings.Join(lines, "\n"), nil
}

// findEntry returns the line that defines entry and its index.
func findEntry(config, entry string) (string, int, error) {
	found := -1
	lines := strings.Split(config, "\n")
	for i, line := range lines {
		name, _, isSetting := strings.Cut(line, "=")
		if isSetting && strings.Trim(strings.TrimSpace(name), `"`) == entry {
			if found >= 0 {
				return "", 0, failure.New(failure.Corrupt, "the PgBouncer configuration defines %s twice, in lines %d and %d", entry, found+1, i+1)
			}
			found = i
		}
	}
	if found < 0 {
		return "", 0, failure.New(failure.NotFound, "the PgBouncer configuration has no entry %s", entry).
			WithHint("add it to the [databases] section, or correct the plan's endpoint: starter plan check --live")
	}
	return lines[found], found, nil
}

func readConfig(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", failure.Wrap(failure.NotFound, err, "read the PgBouncer configuration")
	}
	if info.Size() > maxConfigBytes {
		return "", failure.New(failure.Corrupt, "%s has %d bytes, more than a PgBouncer configuration can need", path, info.Size())
	}
	text, err := os.ReadFile(path) // #nosec G304 -- the path comes from the plan
	return string(text), failure.Wrap(failure.Unavailable, err, "read the PgBouncer configuration")
}

// replaceConfig writes text to path so that a crash leaves the old file or the new one.
func replaceConfig(path, text string) (err error) {
	info, err := os.Stat(path)
	if err != nil {
		return failure.Wrap(failure.NotFound, err, "replace the PgBouncer configuration")
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".holdfast-*")
	if err != nil {
		return failure.Wrap(failure.Forbidden, err, "write beside the PgBouncer configuration")
	}
	defer func() {
		if err != nil {
			err = failure.Wrap(failure.Unavailable, err, "replace %s", path)
			_ = os.Remove(temporary.Name()) // the error that matters is already on its way
		}
	}()
	if _, err = temporary.WriteString(text); err != nil {
		return err
	}
	if err = temporary.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	if err = keepOwner(temporary, info); err != nil {
		return err
	}
	if err = temporary.Sync(); err != nil {
		return err
	}
	if err = temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

// keepOwner gives file the owner of the one it replaces. Written as root it would
// be root's, PgBouncer could not read it, and its RELOAD would keep the old route.
func keepOwner(file *os.File, old os.FileInfo) error {
	was, ok := old.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 { // nobody else can give a file away
		return nil
	}
	return file.Chown(int(was.Uid), int(was.Gid))
}
