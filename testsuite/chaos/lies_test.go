package chaos_test

import (
	"bytes"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
)

// copies are one object in both stores, and how to make it whole again.
type copies struct {
	b      *bed
	t      *testing.T
	stores []store.Store
}

func (b *bed) copies(t *testing.T) copies {
	t.Helper()
	stores, closeAll, err := binding.Stores(b.ctx, b.Plan)
	must(t, err)
	t.Cleanup(func() { must(t, closeAll()) })
	return copies{b: b, t: t, stores: stores}
}

func (c copies) read(in int, key string) []byte {
	c.t.Helper()
	reader, _, err := c.stores[in].Get(c.b.ctx, key, store.GetOptions{})
	must(c.t, err)
	body, err := io.ReadAll(reader)
	must(c.t, err)
	must(c.t, reader.Close())
	return body
}

// remove takes every version of an object away.
func (c copies) remove(in int, key string) {
	c.t.Helper()
	var versions []string
	for object, err := range c.stores[in].List(c.b.ctx, key, store.ListOptions{Versions: c.stores[in].Capabilities().Versions}) {
		must(c.t, err)
		versions = append(versions, object.Version)
	}
	for _, version := range versions {
		must(c.t, c.stores[in].Delete(c.b.ctx, key, version))
	}
}

// replace puts body in the place of an object, as the store's own.
func (c copies) replace(in int, key string, body []byte) {
	c.t.Helper()
	c.remove(in, key)
	_, err := c.stores[in].Put(c.b.ctx, key, bytes.NewReader(body), store.PutOptions{SizeBytes: int64(len(body)), SHA256: store.DigestOf(body)})
	must(c.t, err)
}

// keys lists what a store holds under a prefix, with a word in it.
func (c copies) keys(in int, prefix, word string) (keys []string) {
	c.t.Helper()
	for object, err := range c.stores[in].List(c.b.ctx, prefix, store.ListOptions{}) {
		must(c.t, err)
		if strings.Contains(object.Key, word) {
			keys = append(keys, object.Key)
		}
	}
	return keys
}

// liar is the store that is made to lie: a reader asks it for the parts, since it
// knows nothing of it yet when it has the manifest from the first one.
const liar = 1

// rot flips a byte in the file of an object, behind the GCS server's back: what it
// says about the object stays as it was.
func (b *bed) rot(t *testing.T, key string) (restore func()) {
	t.Helper()
	var file string
	must(t, filepath.WalkDir(b.GCS.DataDir, func(path string, _ os.DirEntry, err error) error {
		if name, bad := url.PathUnescape(path); bad == nil && strings.HasSuffix(name, "/"+key) {
			file = path
		}
		return err
	}))
	flip := func() {
		handle, err := os.OpenFile(file, os.O_RDWR, 0)
		must(t, err)
		info, err := handle.Stat()
		must(t, err)
		one := make([]byte, 1)
		_, err = handle.ReadAt(one, info.Size()/2)
		must(t, err)
		one[0] ^= 0x20
		_, err = handle.WriteAt(one, info.Size()/2)
		must(t, err)
		must(t, handle.Close())
	}
	flip()
	return flip
}

// TestOneStoreLies: a restore takes what is right from the other store, and says
// what was wrong where.
func TestOneStoreLies(t *testing.T) {
	b := shared(t)
	_, err := b.BackUp(b.ctx)
	must(t, err)
	must(t, b.write(5))
	var made scenario.BackedUp
	must(t, b.Starter(b.ctx, &made, "backup", "create", "--database", b.Stack.Database().Name, "--host", b.Primary.Host, "--full",
		"--signer", b.Keys.Signer[b.Primary.Host], "--state-dir", filepath.Join(b.StateDir(b.Primary.Host), "archive")))
	set := made.Set
	c := b.copies(t)
	folder := "v1/" + b.Stack.Database().Name + "/sets/"
	part := c.keys(liar, folder+set.ID+"/", "/parts/")[0]
	whole := c.read(liar, part)
	older := c.read(liar, c.keys(liar, folder, "/parts/")[0])
	put := func(body []byte) func() {
		c.replace(liar, part, body)
		return func() { c.replace(liar, part, whole) }
	}
	for _, one := range []struct {
		name string
		do   func() (restore func())
	}{
		{flippedPart, func() func() { return b.rot(t, part) }},
		{missingPart, func() func() { c.remove(liar, part); return func() { c.replace(liar, part, whole) } }},
		{shortPart, func() func() { return put(whole[:len(whole)/2]) }},
		{olderPart, func() func() { return put(older) }},
	} {
		t.Run(one.name, func(t *testing.T) {
			defer one.do()()
			out, err := b.restore(t, "--set", set.ID)
			must(t, err)
			if out.Judged == "" {
				t.Errorf("PostgreSQL has not judged the files: %+v", out)
			}
			if !slices.ContainsFunc(out.Repairs, func(r string) bool { return strings.Contains(r, part) && strings.Contains(r, c.stores[liar].Name()) }) {
				t.Fatalf("nothing was said of the bad copy in store %s: %q", c.stores[liar].Name(), out.Repairs)
			}
			told(t, one.name, "the part was taken from the other store, and the restore says so: "+out.Repairs[0], "PostgreSQL's own judge: "+out.Judged)
		})
	}
	t.Run(forgedSet, func(t *testing.T) { b.forged(t, c, liar, archive.SetID(set.ID)) })
	t.Run(everyCopyBad, func(t *testing.T) {
		defer put(whole[:len(whole)-1])()
		other := 1 - liar
		c.replace(other, part, whole[:len(whole)-1])
		defer c.replace(other, part, whole)
		_, err := b.restore(t, "--set", set.ID)
		refused, ok := isRefusal(err)
		if !ok || refused.Class != "Corrupt" || !strings.Contains(refused.Message, part) {
			t.Fatalf("got %v, want Corrupt and the part's name", err)
		}
		told(t, everyCopyBad, "the restore fails as "+string(refused.Class)+" and names the part; nothing wrong is handed out", "exit status and message of the command")
	})
	b.requireSound(t)
}

// forged puts a descriptor that another key has signed before the host's own.
func (b *bed) forged(t *testing.T, c copies, in int, set archive.SetID) {
	t.Helper()
	key := archive.DescriptorKey(b.Stack.Database().Name, set)
	whole := c.read(in, key)
	stranger, err := keyring.Generate("stranger", "stranger@holdfast.invalid")
	must(t, err)
	signer, err := keyring.NewSigner(stranger)
	must(t, err)
	body := bytes.Clone(whole[bytes.IndexByte(whole, '{') : bytes.LastIndexByte(whole, '}')+1])
	forged, err := signer.Clearsigned(append(bytes.ReplaceAll(body, []byte(`"counter": `), []byte(`"counter": 9`)), '\n'))
	must(t, err)
	c.replace(in, key, forged)
	defer c.replace(in, key, whole)
	var listed struct {
		Sets      []recovery.SetSummary `json:"sets"`
		Anomalies []string              `json:"anomalies"`
	}
	must(t, b.Starter(b.ctx, &listed, "backup", "list", "--database", b.Stack.Database().Name))
	if !slices.ContainsFunc(listed.Sets, func(s recovery.SetSummary) bool { return s.ID == string(set) }) {
		t.Errorf("the set is not listed any more: %+v", listed)
	}
	odd := strings.Join(listed.Anomalies, "; ")
	if !strings.Contains(odd, c.stores[in].Name()) {
		t.Errorf("nothing is said of the forged descriptor in store %s: %s", c.stores[in].Name(), odd)
	}
	out, err := b.restore(t, "--set", string(set))
	must(t, err)
	told(t, forgedSet, "the forged one is stepped over and listed ("+odd+"); the other store's descriptor counts", "backup list; PostgreSQL's own judge: "+out.Judged)
}
