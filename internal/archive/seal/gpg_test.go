package seal

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/terragonlabs/holdfast/internal/keyring"
)

// gpg runs GnuPG in its own home and returns its output.
func gpg(t *testing.T, home string, stdin []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("gpg", append([]string{
		"--homedir", home, "--batch", "--yes", "--quiet", "--trust-model", "always",
		"--pinentry-mode", "loopback", "--passphrase", "",
	}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("gpg %v: %v\n%s", args, err, errs.String())
	}
	return out.Bytes()
}

// gpgHome makes a short-pathed home (agent sockets have a length limit) and
// stops its agent at the end.
func gpgHome(t *testing.T) string {
	t.Helper()
	home, err := os.MkdirTemp("", "gpg") //nolint:usetesting // t.TempDir is too long for agent sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	return home
}

func TestGnuPGReadsWhatWeWrite(t *testing.T) {
	t.Parallel()
	recipients, _, private := testKeys(t)
	home := gpgHome(t)
	armored, err := private.Armored()
	if err != nil {
		t.Fatal(err)
	}
	gpg(t, home, []byte(armored), "--import")
	for _, size := range []int{0, 10, 64<<10 - 6, 300_000} {
		plain := randomBytes(size)
		sealed, err := Seal(plain, "x", recipients, keyring.CFB)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(home, "object")
		if err := os.WriteFile(path, gpg(t, home, sealed, "--decrypt"), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := exec.Command("zstd", "-dcq", path).Output()
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("size %d: %v", size, err)
		}
	}
}

func TestGnuPGKeysWork(t *testing.T) {
	t.Parallel()
	_, _, ours := testKeys(t)
	home := gpgHome(t)
	for _, algo := range []string{"rsa2048", "default"} {
		t.Run(algo, func(t *testing.T) {
			id := algo + "@example.org"
			params := []string{"--quick-generate-key", id, "default", "default", "never"}
			if algo == "rsa2048" {
				params = []string{"--quick-generate-key", id, "rsa2048", "sign,encrypt", "never"}
			} else {
				params[2] = "future-default" // Ed25519 with a Curve25519 subkey
			}
			gpg(t, home, nil, params...)
			keys, err := keyring.ParsePrivateKeys(gpg(t, home, nil, "--armor", "--export-secret-keys", id), nil)
			if err != nil {
				t.Fatal(err)
			}
			public, err := keyring.ParsePublicKeys(gpg(t, home, nil, "--export", id))
			if err != nil {
				t.Fatal(err)
			}
			recipients, err := keyring.NewRecipients(public[0], ours.Public())
			if err != nil {
				t.Fatal(err)
			}
			sealed, err := Seal([]byte("both ways"), "x", recipients, keyring.CFB)
			if err != nil {
				t.Fatal(err)
			}
			gpg(t, home, sealed, "--decrypt")
			plain, err := Open(t.Context(), sealed, "x", keyring.NewPrivate(keys...), 100)
			if err != nil || string(plain) != "both ways" {
				t.Fatalf("%q %v", plain, err)
			}
		})
	}
}

func TestGnuPGProtectedKeyAndSignature(t *testing.T) {
	t.Parallel()
	home := gpgHome(t)
	gpg(t, home, nil, "--passphrase", "correct horse", "--quick-generate-key", "signer@example.org", "future-default", "default", "never")
	exported := gpg(t, home, nil, "--passphrase", "correct horse", "--export-secret-keys", "signer@example.org")
	if _, err := keyring.ParsePrivateKeys(exported, []byte("wrong")); err == nil {
		t.Fatal("wrong passphrase unlocked the key")
	}
	keys, err := keyring.ParsePrivateKeys(exported, []byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := keyring.NewSigner(keys[0])
	if err != nil {
		t.Fatal(err)
	}
	document, err := signer.Clearsigned([]byte("{\n \"set\": \"x\"\n}\n"))
	if err != nil {
		t.Fatal(err)
	}
	gpg(t, home, document, "--verify")
	if body := gpg(t, home, document, "--decrypt"); string(body) != "{\n \"set\": \"x\"\n}\n" {
		t.Fatalf("body %q", body)
	}
}
