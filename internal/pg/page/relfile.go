package page

import (
	"regexp"
	"strconv"
	"strings"
)

// Fork is one of a relation's files.
type Fork string

// The forks.
const (
	Main       Fork = "main"
	FreeSpace  Fork = "fsm"
	Visibility Fork = "vm"
	Init       Fork = "init"
)

// RelFile says what a file of the data directory holds.
type RelFile struct {
	Tablespace uint32 `json:"tablespace"` // 1663 pg_default, 1664 pg_global, else its own OID
	Database   uint32 `json:"database"`   // 0: shared by all
	Node       uint32 `json:"node"`
	Fork       Fork   `json:"fork"`
	Segment    uint32 `json:"segment"`
}

// OIDs fixed by src/include/catalog/pg_tablespace.dat.
const (
	DefaultTablespace uint32 = 1663
	GlobalTablespace  uint32 = 1664
)

// ParsePath reads a slash-separated path relative to the data directory. It
// reports false for everything that is no relation's file: maps, control file,
// temporary relations, and files of other names.
func ParsePath(path string) (RelFile, bool) {
	parts := strings.Split(path, "/")
	switch {
	case len(parts) == 2 && parts[0] == "global":
		return parseName(RelFile{Tablespace: GlobalTablespace}, "0", parts[1])
	case len(parts) == 3 && parts[0] == "base":
		return parseName(RelFile{Tablespace: DefaultTablespace}, parts[1], parts[2])
	case len(parts) == 5 && parts[0] == "pg_tblspc" && strings.HasPrefix(parts[2], "PG_"):
		space, err := strconv.ParseUint(parts[1], 10, 32)
		if err != nil {
			return RelFile{}, false
		}
		return parseName(RelFile{Tablespace: uint32(space)}, parts[3], parts[4])
	}
	return RelFile{}, false
}

var relName = regexp.MustCompile(`^([1-9][0-9]{0,9})(?:_(fsm|vm|init))?(?:\.([1-9][0-9]{0,5}))?$`)

func parseName(file RelFile, database, name string) (RelFile, bool) {
	match := relName.FindStringSubmatch(name)
	oid, err := strconv.ParseUint(database, 10, 32)
	if match == nil || err != nil {
		return RelFile{}, false
	}
	node, err := strconv.ParseUint(match[1], 10, 32)
	if err != nil {
		return RelFile{}, false
	}
	file.Database, file.Node, file.Fork = uint32(oid), uint32(node), Main
	if match[2] != "" {
		file.Fork = Fork(match[2])
	}
	if match[3] != "" {
		segment, err := strconv.ParseUint(match[3], 10, 32)
		if err != nil {
			return RelFile{}, false
		}
		file.Segment = uint32(segment)
	}
	return file, true
}

// FirstBlock returns the number of the file's first block within its fork.
func (f RelFile) FirstBlock(blocksPerFile int) uint32 { return f.Segment * uint32(blocksPerFile) }
