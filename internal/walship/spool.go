package walship

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

const (
	maxEntryBytes = 64 << 10
	maxBodyBytes  = 2 << 30 // a sealed 1 GiB segment and then some
)

// entry is one object that some stores still lack. It is written beside its
// body, fsynced, so that it outlives the daemon and the machine's power.
type entry struct {
	Key      string       `json:"key"`
	Versions string       `json:"versions,omitempty"`
	SHA256   store.Digest `json:"sha256"` // of the sealed bytes; zero where an older daemon did not know it
	Size     int64        `json:"size_bytes"`
	HasBody  bool         `json:"has_body"` // else it is copied from a store that holds these very bytes
	Lacking  []string     `json:"lacking"`  // stores by name
	Queued   time.Time    `json:"queued"`
}

func (e entry) id() string { return store.DigestOf([]byte(e.Key)).String()[:sumDigits] }

// spool is the bounded local directory of objects that wait for a store.
// Adding, settling and loading twice changes nothing.
type spool struct {
	dir      string
	maxBytes int64

	mu        sync.Mutex
	entries   map[string]entry // by key
	unwritten map[string]bool  // keys of entries that the disk has not, or not as they are
	bytes     int64            // of bodies
}

func openSpool(dir string, maxBytes int64) (*spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, classFile(err, "create spool %s", dir)
	}
	s := &spool{dir: dir, maxBytes: maxBytes, entries: make(map[string]entry), unwritten: make(map[string]bool)}
	return s, s.load()
}

// load reads what an earlier daemon left. A half-written entry has no name that
// ends in .json: it was never acknowledged from here, and is removed.
func (s *spool) load() error {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return classFile(err, "read spool %s", s.dir)
	}
	for _, file := range files {
		name, isEntry := strings.CutSuffix(file.Name(), ".json")
		if isEntry {
			if err := s.loadOne(name); err != nil {
				return err
			}
		}
	}
	return s.sweep(files)
}

func (s *spool) loadOne(name string) error {
	text, err := readBounded(filepath.Join(s.dir, name+".json"), maxEntryBytes)
	if err != nil {
		return err
	}
	var e entry
	if err := json.Unmarshal(text, &e); err != nil || e.id() != name || e.Size < 0 || store.CheckKey(e.Key) != nil {
		return failure.New(failure.Corrupt, "spool entry %s/%s.json is damaged", s.dir, name).
			WithHint("move it and %s.body aside; the segment is still in pg_wal unless spool-only was reported for it", name)
	}
	s.entries[e.Key] = e
	if e.HasBody {
		s.bytes += e.Size
	}
	return nil
}

func (s *spool) sweep(files []fs.DirEntry) error {
	known := make(map[string]bool)
	for _, e := range s.entries {
		known[e.id()+".json"] = true
		known[e.id()+".body"] = e.HasBody
	}
	for _, file := range files {
		if !known[file.Name()] {
			if err := os.Remove(filepath.Join(s.dir, file.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return classFile(err, "remove leftover from spool")
			}
		}
	}
	return nil
}

// owe adds to the stores that lack an object whose bytes the spool has; false: it has
// none, and nothing was noted. elsewhere is add's.
func (s *spool) owe(e entry, elsewhere bool) (known bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.entries[e.Key]
	if !old.HasBody {
		return false, nil
	}
	return true, s.writeOrRemember(mergeLacking(old, e.Lacking), elsewhere)
}

// add records that stores lack the object, and keeps its bytes. elsewhere says that a
// store holds the object: then the entry does without them where they do not fit, and
// where even the entry cannot be written it is remembered, for persist, and the error
// says so. Otherwise an error means that nothing was added; failure.InsufficientSpace,
// that the disk or max_bytes has no room.
func (s *spool) add(e entry, body []byte, elsewhere bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.entries[e.Key]
	if old.HasBody {
		return s.writeOrRemember(mergeLacking(old, e.Lacking), elsewhere)
	}
	e.Size, e.SHA256 = int64(len(body)), store.DigestOf(body)
	if err := s.writeBody(e, body); err != nil {
		if !elsewhere {
			return err
		}
		if !old.SHA256.IsZero() { // a store was given that sealing: by it its copy is known
			e = mergeLacking(old, e.Lacking)
		}
		return s.writeOrRemember(e, true)
	}
	e.HasBody = true
	err := s.writeEntry(e)
	if err == nil {
		s.bytes += e.Size
		return nil
	}
	e.HasBody = false // without an entry it is a leftover, and may be what fills the disk
	if leftover := s.remove(e, ".body"); leftover != nil {
		err = errors.Join(err, leftover)
	}
	if elsewhere {
		s.entries[e.Key], s.unwritten[e.Key] = e, true
	}
	return err
}

func (s *spool) writeBody(e entry, body []byte) error {
	if s.bytes+e.Size > s.maxBytes {
		return failure.New(failure.InsufficientSpace, "spool %s holds %d of at most %d bytes: no room for %s", s.dir, s.bytes, s.maxBytes, e.Key).
			WithHint("bring a store back, or raise spool.max_bytes")
	}
	return writeDurably(filepath.Join(s.dir, e.id()+".body"), body)
}

// writeOrRemember writes an entry, or where that fails remembers it if it may.
func (s *spool) writeOrRemember(e entry, remember bool) error {
	err := s.writeEntry(e)
	if err != nil && remember {
		s.entries[e.Key], s.unwritten[e.Key] = e, true
	}
	return err
}

// persist tries again to write the entries that only memory knows, and returns how
// many it wrote and how many are left.
func (s *spool) persist() (wrote, left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.unwritten {
		if s.writeEntry(s.entries[key]) != nil {
			break // the disk takes nothing yet
		}
		wrote++
	}
	return wrote, len(s.unwritten)
}

// onlyInMemory returns the entries that persist could not write yet.
func (s *spool) onlyInMemory() []entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]entry, 0, len(s.unwritten))
	for key := range s.unwritten {
		list = append(list, s.entries[key])
	}
	return list
}

func mergeLacking(e entry, names []string) entry {
	for _, name := range names {
		if !slices.Contains(e.Lacking, name) {
			e.Lacking = append(slices.Clone(e.Lacking), name)
		}
	}
	return e
}

func (s *spool) writeEntry(e entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode spool entry")
	}
	if err := writeDurably(filepath.Join(s.dir, e.id()+".json"), text); err != nil {
		return err
	}
	s.entries[e.Key] = e
	delete(s.unwritten, e.Key)
	return nil
}

// settle records that a store holds the object now. The last one removes it. An
// error means that the disk says otherwise: the next process then offers the object
// once more, which changes nothing.
func (s *spool) settle(key, storeName string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, known := s.entries[key]
	if !known {
		return nil
	}
	e.Lacking = slices.DeleteFunc(slices.Clone(e.Lacking), func(name string) bool { return name == storeName })
	if len(e.Lacking) > 0 {
		return s.note(e)
	}
	delete(s.entries, key)
	delete(s.unwritten, key)
	// The entry goes first: a body without an entry is a leftover, an entry
	// without its body would be a loss.
	err := s.remove(e, ".json")
	if err == nil {
		err = s.remove(e, ".body")
	}
	if err == nil && e.HasBody {
		s.bytes -= e.Size
	}
	return err
}

func (s *spool) remove(e entry, suffix string) error {
	if err := os.Remove(filepath.Join(s.dir, e.id()+suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return classFile(err, "remove %s from spool", e.Key)
	}
	return nil
}

// note remembers that fewer stores lack an object, also where that cannot be written:
// a spool that could not forget would never have room again.
func (s *spool) note(e entry) error {
	err := s.writeEntry(e)
	s.entries[e.Key] = e
	if failure.Is(err, failure.InsufficientSpace) {
		return nil
	}
	return err
}

// entry returns what waits under a key.
func (s *spool) entry(key string) (entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, waits := s.entries[key]
	return e, waits
}

// lackedBy returns what a store lacks, oldest first, files before tail pieces.
func (s *spool) lackedBy(storeName string) []entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []entry
	for _, e := range s.entries {
		if slices.Contains(e.Lacking, storeName) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b entry) int {
		if a.isPiece() != b.isPiece() {
			if a.isPiece() {
				return 1
			}
			return -1
		}
		return a.Queued.Compare(b.Queued)
	})
	return list
}

// all returns every entry, in no order.
func (s *spool) all() []entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.entries))
}

// onlyHere returns what all of so many stores lack, in no order.
func (s *spool) onlyHere(stores int) []entry {
	return slices.DeleteFunc(s.all(), func(e entry) bool { return len(e.Lacking) < stores })
}

// storeNames returns every store that lacks something.
func (s *spool) storeNames() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, e := range s.entries {
		names = append(names, e.Lacking...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// lacks returns what waits under a key for one store.
func (s *spool) lacks(key, storeName string) (entry, bool) {
	e, waits := s.entry(key)
	return e, waits && slices.Contains(e.Lacking, storeName)
}

// name is parcel.name.
func (e entry) name() string { return cmp.Or(e.Versions, e.Key) }

func (e entry) isPiece() bool { return strings.Contains(e.Key, "/tail/") }

// body returns the entry's sealed bytes, verified.
func (s *spool) body(e entry) ([]byte, error) {
	body, err := readBounded(filepath.Join(s.dir, e.id()+".body"), maxBodyBytes)
	if err != nil {
		return nil, err
	}
	if store.DigestOf(body) != e.SHA256 {
		return nil, failure.New(failure.Corrupt, "spooled %s is damaged on this host's disk", e.Key).
			WithHint("check the disk under %s", s.dir)
	}
	return body, nil
}

// other returns a key waiting under the same name with other content, if any.
func (s *spool) other(versions, key string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for waiting := range s.entries {
		if strings.HasPrefix(waiting, versions) && waiting != key {
			return waiting, true
		}
	}
	return "", false
}

func (s *spool) totals() (objects int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries), s.bytes
}
