package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/approval"
	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
)

// petabyte is more than any disk that runs this test has free.
const petabyte = 1 << 50

// TestSetsThatDoNotFit: the only set is too large for the disk, or of another
// cluster. Both are set up as the host itself would tell it, in a descriptor that
// it signed. Nothing is fetched, and nothing is left behind.
func TestSetsThatDoNotFit(t *testing.T) {
	h := protected(t, unlocked)
	damage := h.damage(t, scenario.Delete)
	for _, one := range []struct {
		name   string
		change func(*archive.Descriptor)
		step   string
		class  failure.Class
	}{
		{"disk too small", func(d *archive.Descriptor) { d.Totals.SourceBytes += petabyte }, "Create the recovery workspace", failure.InsufficientSpace},
		{"another cluster", func(d *archive.Descriptor) { d.Attributes.Postgres.SystemID++ }, "Propose the recovery target", failure.IdentityMismatch},
	} {
		t.Run(one.name, func(t *testing.T) {
			restore := h.redescribe(t, one.change)
			defer restore()
			started, err := h.Start(h.ctx, damage)
			h.must(t, err)
			h.must(t, h.Follow(h.ctx, &abandoner{Signer: h.signer(t), t: t, step: one.step, class: one.class}))
			h.requireAborted(t)
			h.requireReport(t, started.RunID, ending{
				outcome: "aborted", why: "abort at step \"" + one.step + "\"", undone: []string{"Send readers back", "Resume application writes"},
			})
		})
	}
	h.requireUntouched(t, damage)
}

// abandoner answers questions until a step fails, and aborts the run there.
type abandoner struct {
	*scenario.Signer
	t     *testing.T
	step  string // which is to fail
	class failure.Class
	done  bool
}

// Asked implements scenario.Watcher.
func (a *abandoner) Asked(ctx context.Context, status runbook.Status, question runbook.OpenQuestion) error {
	if !strings.HasPrefix(question.Key, "failed:") {
		return a.Signer.Asked(ctx, status, question)
	}
	if a.done {
		return nil
	}
	a.done = true
	if !strings.Contains(question.Title, a.step) || !strings.Contains(question.Choice, `"class": "`+string(a.class)+`"`) || !strings.Contains(question.Choice, `"hint": "`) {
		a.t.Errorf("%s: %s; want %q to fail as %s, with a hint", question.Title, question.Choice, a.step, a.class)
	}
	person, err := a.Person(status, question, approval.Resolve)
	if err != nil {
		return err
	}
	return a.Decide(ctx, nil, approval.Resolve, question, person, "--abort", "--reason", "it cannot work")
}

// redescribe puts another descriptor, signed by the host, in the place of the only
// set's in every store. restore puts the old one back.
func (h *house) redescribe(t *testing.T, change func(*archive.Descriptor)) (restore func()) {
	t.Helper()
	sets, err := h.Sets(h.ctx)
	h.must(t, err)
	if len(sets) != 1 {
		t.Fatalf("%d sets, want one", len(sets))
	}
	key := archive.DescriptorKey(h.Database().Name, archive.SetID(sets[0].ID))
	stores, closeAll, err := binding.Stores(h.ctx, h.Plan)
	h.must(t, err)
	before := h.object(t, stores[0], key)
	after := h.signedAgain(t, before, change)
	replace := func(body []byte) {
		for _, in := range stores {
			h.replace(t, in, key, body)
		}
	}
	replace(after)
	return func() {
		replace(before)
		h.must(t, closeAll())
	}
}

func (h *house) object(t *testing.T, from store.Store, key string) []byte {
	t.Helper()
	reader, _, err := from.Get(h.ctx, key, store.GetOptions{})
	h.must(t, err)
	body, err := io.ReadAll(reader)
	h.must(t, err)
	h.must(t, reader.Close())
	return body
}

// signedAgain changes a descriptor and signs it as its host does.
func (h *house) signedAgain(t *testing.T, document []byte, change func(*archive.Descriptor)) []byte {
	t.Helper()
	trust, err := binding.Trust(h.Plan)
	h.must(t, err)
	begin := bytes.IndexByte(document, '{')
	var described archive.Descriptor
	h.must(t, json.NewDecoder(bytes.NewReader(document[begin:])).Decode(&described))
	_, err = archive.ParseDescriptor(document, described.Source, described.Set, trust, described.Created)
	h.must(t, err)
	change(&described)
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetIndent("", " ")
	encoder.SetEscapeHTML(false)
	h.must(t, encoder.Encode(described))
	signer, err := binding.Signer(h.Keys.Signer[h.Primary.Host])
	h.must(t, err)
	signed, err := signer.Clearsigned(body.Bytes())
	h.must(t, err)
	return signed
}

// replace removes every version of an object and creates it anew.
func (h *house) replace(t *testing.T, in store.Store, key string, body []byte) {
	t.Helper()
	var versions []string
	for object, err := range in.List(h.ctx, key, store.ListOptions{Versions: in.Capabilities().Versions}) {
		h.must(t, err)
		versions = append(versions, object.Version)
	}
	for _, version := range versions {
		h.must(t, in.Delete(h.ctx, key, version))
	}
	_, err := in.Put(h.ctx, key, bytes.NewReader(body), store.PutOptions{SizeBytes: int64(len(body)), SHA256: store.DigestOf(body)})
	h.must(t, err)
}
