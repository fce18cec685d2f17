package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
)

func TestNamesSurviveEncoding(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "name"))
		encoded := encodeName(name)
		if strings.ContainsAny(encoded, "\"\\ \n@'$`") {
			t.Fatalf("%q is not plain", encoded)
		}
		decoded, err := decodeName(encoded)
		if err != nil || decoded != name {
			t.Fatalf("%q became %q: %v", name, decoded, err)
		}
		for segment := range strings.SplitSeq(memberName(name, 1<<40), "/") {
			if len(segment) > maxSegmentBytes {
				t.Fatalf("member segment of %d bytes", len(segment))
			}
		}
	})
}

func TestPathsThatLeaveARootAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "/etc", "..", "../x", "a/../b", "a//b", "a/", "./a", "a\x00b", strings.Repeat("a", 256)} {
		if err := checkPath(name); !failure.Is(err, failure.InvalidInput) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{".", "a", "a/b.c", "..a", "a\nb", "\xff"} {
		if err := checkPath(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func crc32c(data []byte) uint32 { return crc32.Checksum(data, store.Castagnoli()) }

func TestChecksumsCombine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(t, "data")
		cut := rapid.IntRange(0, len(data)).Draw(t, "cut")
		if got := combineCRC(crc32c(data[:cut]), crc32c(data[cut:]), int64(len(data)-cut)); got != crc32c(data) {
			t.Fatalf("combined %08x, want %08x", got, crc32c(data))
		}
	})
	if zeroCRC(100_000) != crc32c(make([]byte, 100_000)) {
		t.Fatal("checksum of zeros")
	}
}

// sample is a manifest with every kind of entry.
func sample() *Manifest {
	at := time.Date(2026, 11, 23, 0, 11, 22, 5000, time.UTC)
	digest := store.DigestOf([]byte("content"))
	return &Manifest{Set: "20261123T001122Z-f-0a1b2c3d", Source: "db", Counter: 3, Parts: 2, Xattrs: xattrNames{"security.capability", "user."}, Entries: []Entry{
		{Path: ".", Type: TypeDirectory, Mode: 0o700, ModTime: at, Outcome: Complete, Xattrs: []Xattr{{"user.dir", []byte("ab")}}},
		{
			Path: "a b\n", Type: TypeFile, Mode: 0o4640, UID: 7, GID: 8, ModTime: at, SizeBytes: 9, CRC32C: 5, Outcome: Complete,
			Slices: []Slice{{0, 4, digest, 0, "a%20b%0A@0"}, {4, 5, digest, 1, "x@0"}},
			Xattrs: []Xattr{{"security.capability", []byte{0, 255}}, {"user.\"odd\"\n", []byte{}}, {"user.z", []byte("a")}},
		},
		{Path: "gone", Type: TypeFile, ModTime: at, Outcome: Vanished},
		{Path: "link", Type: TypeSymlink, Mode: 0o777, ModTime: at, Target: "../\xff", Outcome: Complete},
		{Path: "short", Type: TypeFile, ModTime: at, SizeBytes: 20, Outcome: Shrunk, Slices: []Slice{{10, 10, digest, 1, "y@0"}}},
	}}
}

func encoded(t testing.TB, m *Manifest) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := encodeManifest(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestManifestRoundTrip(t *testing.T) {
	t.Parallel()
	text := encoded(t, sample())
	parsed, err := parseManifest(bytes.NewReader(text), 2)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), parsed); diff != "" {
		t.Fatal(diff)
	}
	for cut := range len(text) - 1 {
		if _, err := parseManifest(bytes.NewReader(text[:cut]), 2); !failure.Is(err, failure.Corrupt) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
	for _, bad := range spoiled(string(text)) {
		if _, err := parseManifest(strings.NewReader(bad), 2); !failure.Is(err, failure.Corrupt) {
			t.Errorf("accepted %s: %v", bad, err)
		}
	}
}

// spoiled returns texts of the sample that are each wrong in one way.
func spoiled(text string) []string {
	var bad []string
	for _, c := range []struct{ old, new string }{
		{`"path":"gone"`, `"path":"../gone"`},
		{`"part":1`, `"part":2`},
		{`"offset":4`, `"offset":3`},
		{`"path":"link"`, `"path":"a"`},
		{`"size_bytes":5`, `"size_bytes":50000000`},
		{`"entries":5`, `"entries":4`},
		{`"xattrs":1`, `"xattrs":-1`},
		{`"xattrs":1`, `"xattrs":2`},
		{`"xattrs":3`, `"xattrs":1000000000`},
		{`"xattrs":["security.capability","user."]`, `"xattrs":["user.","security.capability"]`},
		{`"xattrs":["security.capability","user."]`, `"xattrs":["user."]`},
		{`"xattrs":["security.capability","user."]`, `"xattrs":["user"]`},
		{`"name":"user.z"`, `"name":"user.%7A"`},
		{`"name":"user.z"`, `"name":"user.%00"`},
		{`"name":"user.z"`, `"name":"user.!"`},
		{`"name":"user.z"`, `"name":"user.` + strings.Repeat("z", maxXattrName) + `"`},
		{`"name":"user.dir"`, `"name":"trusted.dir"`},
		{`"record":"xattr","name":"user.z"`, `"record":"Xattr","name":"user.z"`},
		{`"value":"YQ=="`, `"value":"YR=="`}, // not the base64 of anything
		{`"value":"YQ=="`, `"value":"YQ"`},
		{`"value":"YQ=="`, `"value":"YQ=\n="`},
		{`"value":"YQ=="`, `"value":"` + strings.Repeat("AAAA", maxXattrValueBytes/3+1) + `"`},
	} {
		bad = append(bad, strings.Replace(text, c.old, c.new, 1))
	}
	return bad
}

// TestManifestWithoutXattrs has no key of theirs: it is what it was before there were any.
func TestManifestWithoutXattrs(t *testing.T) {
	t.Parallel()
	m := sample()
	m.Xattrs = nil
	for i := range m.Entries {
		m.Entries[i].Xattrs = nil
	}
	text := encoded(t, m)
	if bytes.Contains(text, []byte("xattr")) {
		t.Errorf("%s", text)
	}
	parsed, err := parseManifest(bytes.NewReader(text), 2)
	if err != nil || parsed.Xattrs != nil {
		t.Fatalf("%+v: %v", parsed, err)
	}
}

// TestXattrsAreBounded at what the format says, and the largest still fit a line.
func TestXattrsAreBounded(t *testing.T) {
	t.Parallel()
	many := func(count, valueBytes int) (xattrs []Xattr) {
		for i := range count {
			xattrs = append(xattrs, Xattr{Name: fmt.Sprintf("user.%0250d", i), Value: make([]byte, valueBytes)})
		}
		return xattrs
	}
	for name, c := range map[string]struct {
		xattrs []Xattr
		fits   bool
	}{
		"as many as may be":  {many(maxXattrs, 0), true},
		"one too many":       {many(maxXattrs+1, 0), false},
		"as large as may be": {many(1, maxXattrValueBytes), true},
		"a byte too large":   {many(1, maxXattrValueBytes+1), false},
		"too much together":  {many(8, maxXattrValueBytes), false},
	} {
		m := &Manifest{Xattrs: xattrNames{"user."}, Entries: []Entry{{Path: "a", Type: TypeFile, Outcome: Complete, Xattrs: c.xattrs}}}
		_, err := parseManifest(bytes.NewReader(encoded(t, m)), 0)
		if (err == nil) != c.fits || (checkXattrs(c.xattrs, m.Xattrs) == nil) != c.fits {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	text := encoded(f, sample())
	f.Add(text)
	for _, bad := range spoiled(string(text)) {
		f.Add([]byte(bad))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseManifest(bytes.NewReader(data), 2)
		if err != nil {
			return
		}
		again, err := parseManifest(bytes.NewReader(encoded(t, m)), 2)
		if err != nil || len(again.Entries) != len(m.Entries) {
			t.Fatalf("accepted what does not survive: %v", err)
		}
		for _, entry := range m.Entries {
			if checkPath(entry.Path) != nil {
				t.Fatalf("accepted path %q", entry.Path)
			}
			if err := checkXattrs(entry.Xattrs, m.Xattrs); err != nil {
				t.Fatalf("accepted attributes: %v", err)
			}
		}
	})
}

// FuzzReadParts feeds the tar walk what a decrypted part might hold.
func FuzzReadParts(f *testing.F) {
	var seed bytes.Buffer
	w := tar.NewWriter(&seed)
	_ = w.WriteHeader(&tar.Header{Name: "a@0", Size: 3, Mode: 0o600, Typeflag: tar.TypeReg})
	_, _ = w.Write([]byte("abc"))
	_ = w.Close()
	f.Add(seed.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		total := int64(0)
		err := eachMember(&limited{r: bytes.NewReader(data), left: 4096}, func(_ string, size int64, r io.Reader) error {
			n, err := io.Copy(io.Discard, r)
			total += n
			if err == nil && n != size {
				t.Fatalf("member of %d bytes gave %d", size, n)
			}
			return err
		})
		if err == nil && total > 4096 {
			t.Fatalf("read %d bytes past the limit", total)
		}
	})
}

func TestBombIsRefused(t *testing.T) {
	t.Parallel()
	_, err := io.Copy(io.Discard, &limited{r: bytes.NewReader(make([]byte, 100)), left: 99})
	if !failure.Is(err, failure.Corrupt) {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, &limited{r: bytes.NewReader(make([]byte, 100)), left: 100}); err != nil || n != 100 {
		t.Fatal(n, err)
	}
}

func FuzzParseDescriptor(f *testing.F) {
	signer, trust := testSigner(f)
	d := sampleDescriptor()
	document, err := encodeDescriptor(d, signer)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := ParseDescriptor(document, d.Source, d.Set, trust, time.Now()); err != nil {
		f.Fatal(err)
	}
	f.Add(document)
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := ParseDescriptor(data, d.Source, d.Set, trust, time.Now()); err == nil && !bytes.Equal(data, document) {
			t.Fatal("accepted a forged descriptor")
		}
	})
}

func TestImpossibleDescriptorsAreRefused(t *testing.T) {
	t.Parallel()
	signer, trust := testSigner(t)
	for name, spoil := range map[string]func(*Descriptor){
		"other source": func(d *Descriptor) { d.Source = "other" },
		"other set":    func(d *Descriptor) { d.Set = "20261123T001122Z-f-ffffffff" },
		"new format":   func(d *Descriptor) { d.Format = 2 },
		"no counter":   func(d *Descriptor) { d.Counter = 0 },
		"foreign part": func(d *Descriptor) { d.Parts[0].Key = "v1/other/sets/20261123T001122Z-f-0a1b2c3d/parts/x" },
		"dotted part":  func(d *Descriptor) { d.Parts[0].Key = "v1/db/sets/20261123T001122Z-f-0a1b2c3d/../x" },
		"no key":       func(d *Descriptor) { d.Parts[0].KeyID = "?" },
		"huge part":    func(d *Descriptor) { d.Parts[0].PlainBytes = 1 << 40 },
		"part twice":   func(d *Descriptor) { d.Parts = append(d.Parts, d.Parts[0]) },
	} {
		d := sampleDescriptor()
		spoil(d)
		document, err := encodeDescriptor(d, signer)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ParseDescriptor(document, "db", sampleDescriptor().Set, trust, time.Now())
		if class := failure.ClassOf(err); class != failure.Corrupt && class != failure.IdentityMismatch {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func sampleDescriptor() *Descriptor {
	set := SetID("20261123T001122Z-f-0a1b2c3d")
	object := func(key string) Object {
		return Object{
			Key: key, Set: set, SizeBytes: 10, PlainBytes: 20, SHA256: store.DigestOf([]byte(key)), KeyID: "k",
			Stores: map[string]string{"s3": "v1"},
		}
	}
	return &Descriptor{
		Format: 1, Set: set, Source: "db", Kind: Full, Counter: 1, Manifest: object(manifestKey("db", set, "aa")),
		Keys: []KeyHeader{{"k", set, []byte("header")}}, Parts: []Object{object(partKey("db", set, 0, "aa"))},
	}
}

func testSigner(t testing.TB) (keyring.Signer, keyring.Trust) {
	t.Helper()
	key, err := keyring.Generate("host", "host@example.org")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := keyring.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer, keyring.TrustAlways(key.Public())
}

func FuzzParseState(f *testing.F) {
	signer, trust := testSigner(f)
	d := sampleDescriptor()
	good, err := encodeIndex(&index{
		indexHead: indexHead{Format: 1, Source: "db", Set: d.Set, Parts: d.Parts, Keys: d.Keys},
		Slices:    []indexSlice{{store.DigestOf([]byte("x")), 1, 0, "a@0"}},
	}, signer)
	if err != nil {
		f.Fatal(err)
	}
	if x, err := parseIndex(good, "db", trust); err != nil || len(x.Slices) != 1 {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := parseIndex(data, "db", trust); err == nil && !bytes.Equal(data, good) {
			t.Fatal("accepted a forged index")
		}
		if records, whole := parseJournal(data, "db", d.Set, trust); len(records) != 0 || whole != 0 {
			t.Fatal("accepted a forged journal")
		}
	})
}

func TestBufferReadsWhatWasWritten(t *testing.T) {
	t.Parallel()
	pool := &chunkPool{}
	for _, size := range []int{0, 1, chunkBytes - 1, chunkBytes, chunkBytes + 1, 3*chunkBytes + 17} {
		data := bytes.Repeat([]byte("0123456789a"), size/11+1)[:size]
		written, read := &buffer{pool: pool}, &buffer{pool: pool}
		if _, err := written.Write(data); err != nil {
			t.Fatal(err)
		}
		if _, err := read.ReadFrom(written.reader()); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(read.reader())
		if err != nil || !bytes.Equal(got, data) || read.size != int64(size) {
			t.Fatalf("size %d: %v", size, err)
		}
		var pieces []byte
		for next := read.BytesAt(0); len(next) > 0; next = read.BytesAt(int64(len(pieces))) {
			pieces = append(pieces, next[:min(len(next), 300_000)]...) // from the middle of a chunk, too
		}
		if !bytes.Equal(pieces, data) {
			t.Fatalf("size %d: other bytes without copying", size)
		}
		if _, err := read.ReadAt(make([]byte, 1), int64(size)); !errors.Is(err, io.EOF) {
			t.Fatalf("read past the end: %v", err)
		}
		read.release()
		written.release()
	}
}
