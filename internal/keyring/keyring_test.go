package keyring_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

func generate(t testing.TB, name string) keyring.PrivateKey {
	t.Helper()
	key, err := keyring.Generate(name, name+"@example.org")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestArmorRoundTrip(t *testing.T) {
	t.Parallel()
	key := generate(t, "host")
	private, err := key.Armored()
	if err != nil {
		t.Fatal(err)
	}
	again, err := keyring.ParsePrivateKeys([]byte(private), nil)
	if err != nil || again[0].Public().Fingerprint() != key.Public().Fingerprint() {
		t.Fatalf("private: %v", err)
	}
	public, err := key.Public().Armored()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.ParsePublicKeys([]byte(public)); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.ParsePrivateKeys([]byte(public), nil); !failure.Is(err, failure.InvalidInput) {
		t.Fatalf("public key passed for a private one: %v", err)
	}
	if shown := fmt.Sprintf("%v %+v %#v", key, key, key); bytes.Contains([]byte(shown), []byte("entity")) {
		t.Fatalf("private key prints: %s", shown)
	}
}

func TestRecipientsNeedTwoDifferentKeys(t *testing.T) {
	t.Parallel()
	one := generate(t, "one").Public()
	for _, keys := range [][]keyring.PublicKey{nil, {one}, {one, one}} {
		if _, err := keyring.NewRecipients(keys...); !failure.Is(err, failure.InvalidInput) {
			t.Fatalf("%d keys: %v", len(keys), err)
		}
	}
}

func TestClearsignedFindsEveryFlippedByte(t *testing.T) {
	t.Parallel()
	host := generate(t, "host")
	signer, err := keyring.NewSigner(host)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte("{\n \"set\": \"20261123T001122Z-f-0a0b0c0d\"\n}\n")
	document, err := signer.Clearsigned(body)
	if err != nil {
		t.Fatal(err)
	}
	trust := keyring.TrustAlways(host.Public())
	got, by, err := trust.OpenClearsigned(document, time.Now())
	if err != nil || !bytes.Equal(got, body) || by != host.Public().Fingerprint() {
		t.Fatalf("%q %s %v", got, by, err)
	}
	for at := range document {
		for _, flip := range []byte{0x01, 0x20, 0x80} {
			bad := bytes.Clone(document)
			bad[at] ^= flip
			if _, _, err := trust.OpenClearsigned(bad, time.Now()); err == nil {
				t.Fatalf("flip %#x at %d went unseen", flip, at)
			}
		}
	}
	for _, bad := range [][]byte{append([]byte("x\n"), document...), append(bytes.Clone(document), '\n')} {
		if _, _, err := trust.OpenClearsigned(bad, time.Now()); err == nil {
			t.Fatal("bytes around the document went unseen")
		}
	}
}

func TestTrustWindowIsJudgedByStoreTime(t *testing.T) {
	t.Parallel()
	host, other := generate(t, "host"), generate(t, "other")
	signer, err := keyring.NewSigner(host)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Detached([]byte("data"))
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	until := from.AddDate(1, 0, 0)
	trust := keyring.Trust{{Key: other.Public()}, {Key: host.Public(), NotBefore: from, NotAfter: until}}
	for _, c := range []struct {
		at   time.Time
		want failure.Class
	}{{from.Add(-time.Second), failure.IdentityMismatch}, {from, ""}, {until, ""}, {until.Add(time.Second), failure.IdentityMismatch}} {
		if _, err := trust.VerifyDetached([]byte("data"), signature, c.at); failure.ClassOf(err) != c.want {
			t.Errorf("at %s: %v, want %q", c.at, err, c.want)
		}
	}
	if _, err := trust.VerifyDetached([]byte("Data"), signature, from); !failure.Is(err, failure.Corrupt) {
		t.Errorf("changed data: %v", err)
	}
}

// oneKey opens every header with the same key.
type oneKey struct{ key keyring.SessionKey }

func (k oneKey) SessionKey(context.Context, string, []byte) (keyring.SessionKey, error) {
	return k.key, nil
}

// TestReleaseOfALongLog: a database that writes 128 GiB of WAL between backups
// must be recoverable, and its answer must open.
func TestReleaseOfALongLog(t *testing.T) {
	t.Parallel()
	a, b := generate(t, "a"), generate(t, "b")
	recipients, err := keyring.NewRecipients(a.Public(), b.Public())
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := recipients.NewSession(keyring.CFB)
	if err != nil {
		t.Fatal(err)
	}
	host, err := keyring.NewEphemeral()
	if err != nil {
		t.Fatal(err)
	}
	items := make([]keyring.ReleaseItem, 32768)
	for i := range items {
		name := fmt.Sprintf("v1/%s/wal/7000000000000000000/00000001/%024X-0123456789abcdef0123456789abcdef.pgp", strings.Repeat("s", 63), i)
		header := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 530) // two recipients of RSA 4096
		items[i] = keyring.ReleaseItem{Object: name, Set: name, PKESK: header}
	}
	wire, err := json.Marshal(host.Request(items))
	if err != nil {
		t.Fatal(err)
	}
	request, err := keyring.ParseRequest(wire)
	if err != nil {
		t.Fatalf("%d bytes: %v", len(wire), err)
	}
	sealed, err := keyring.Release(t.Context(), request, oneKey{key})
	if err != nil {
		t.Fatal(err)
	}
	released, err := host.Open(sealed)
	if err != nil {
		t.Fatalf("%d bytes: %v", len(sealed), err)
	}
	if _, err := released.SessionKey(t.Context(), "", items[len(items)-1].PKESK); err != nil {
		t.Error(err)
	}
}

func TestReleaseHandsOutAllowedSetsOnly(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	a, b := generate(t, "a"), generate(t, "b")
	recipients, err := keyring.NewRecipients(a.Public(), b.Public())
	if err != nil {
		t.Fatal(err)
	}
	key, header, err := recipients.NewSession(keyring.CFB)
	if err != nil {
		t.Fatal(err)
	}
	host, err := keyring.NewEphemeral()
	if err != nil {
		t.Fatal(err)
	}
	wire, err := json.Marshal(host.Request([]keyring.ReleaseItem{{Object: "o", Set: "wanted", PKESK: header}}))
	if err != nil {
		t.Fatal(err)
	}
	request, err := keyring.ParseRequest(wire)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Release(ctx, request, keyring.NewPrivate(generate(t, "stranger"))); !failure.Is(err, failure.Forbidden) {
		t.Fatalf("not allowed: %v", err)
	}
	sealed, err := keyring.Release(ctx, request, keyring.NewPrivate(a))
	if err != nil {
		t.Fatal(err)
	}
	released, err := host.Open(sealed)
	if err != nil {
		t.Fatal(err)
	}
	got, err := released.SessionKey(ctx, "wanted", header)
	if err != nil || !bytes.Equal(got.Bytes(), key.Bytes()) {
		t.Fatalf("released key differs: %v", err)
	}
	if _, err := released.SessionKey(ctx, "other", []byte("another header")); !failure.Is(err, failure.Forbidden) {
		t.Fatalf("key of another set: %v", err)
	}
	stranger, err := keyring.NewEphemeral()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Open(sealed); !failure.Is(err, failure.Corrupt) {
		t.Fatalf("opened by another host: %v", err)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(`{"host_key":[],"items":[{"object":"o","set":"s","pkesk":"AA=="}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if request, err := keyring.ParseRequest(data); err == nil && len(request.Items) == 0 {
			t.Fatal("accepted an empty request")
		}
	})
}

func FuzzOpenClearsigned(f *testing.F) {
	host := generate(f, "host")
	signer, err := keyring.NewSigner(host)
	if err != nil {
		f.Fatal(err)
	}
	document, err := signer.Clearsigned([]byte("{}\n"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(document)
	trust := keyring.TrustAlways(host.Public())
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, _, err := trust.OpenClearsigned(data, time.Now()); err == nil && !bytes.Equal(data, document) {
			t.Fatal("accepted a forged document")
		}
	})
}
