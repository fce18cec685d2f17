package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

func (a *app) keyCommand() *cobra.Command {
	parent := onlyGroup(&cobra.Command{
		Use: "key", Short: "Make the OpenPGP keys a plan needs",
		Example: "  starter key generate --host db-1 --out /etc/holdfast",
	})
	parent.AddCommand(a.keyGenerate())
	return parent
}

// generation are the flags of `key generate`.
type generation struct {
	host, recipient, email, out string
	days                        int
}

func (a *app) keyGenerate() *cobra.Command {
	var g generation
	command := &cobra.Command{
		Use:   "generate",
		Short: "Generate a host's signing key or a recipient's key",
		Long: `Generates an OpenPGP key (Curve25519, readable by GnuPG), writes both halves, and
prints what to put into the plan.

A host signs its backups with its key; the private half stays on that host. A
recipient opens backups; generate it on the machine that will hold it, one of
them offline, and copy only the public half. Nothing is overwritten. The private
half is not protected by a passphrase: gpg --edit-key can add one.`,
		Example: `  starter key generate --host db-1 --out /etc/holdfast
  starter key generate --recipient vault --email vault@example.org --out .`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.generateKey(g) },
	}
	flags := command.Flags()
	flags.StringVar(&g.host, "host", "", "make the key this host signs its backups with")
	flags.StringVar(&g.recipient, "recipient", "", "make the key of this recipient")
	flags.StringVar(&g.email, "email", "", "email of the recipient (required with --recipient)")
	flags.StringVar(&g.out, "out", ".", "directory for the two files")
	flags.IntVar(&g.days, "valid-days", 730, "how long the plan shall trust a host's key")
	command.MarkFlagsMutuallyExclusive("host", "recipient")
	command.MarkFlagsOneRequired("host", "recipient")
	return command
}

// generated is what `key generate -o json` prints.
type generated struct {
	Fingerprint string `json:"fingerprint"`
	PrivateFile string `json:"private_file"`
	PublicFile  string `json:"public_file"`
	PlanPath    string `json:"plan_path"` // where the snippet belongs
	Snippet     string `json:"snippet"`   // YAML
}

var keyName = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,62}$`)

func (a *app) generateKey(g generation) error {
	name, user := "signer-"+g.host, "signer of "+g.host
	if g.recipient != "" {
		name, user = g.recipient, g.recipient
	}
	if !keyName.MatchString(name) {
		return failure.Invalid("--host", "%.80q cannot be a name: use up to 63 lower-case letters, digits, dots, dashes and underscores", g.host+g.recipient).
			WithHint("%s", "name it as the plan does")
	}
	if g.days < 1 || g.days > 3650 {
		return failure.Invalid("--valid-days", "%d is not between 1 and 3650", g.days).WithHint("--valid-days 730")
	}
	if g.recipient != "" && g.email == "" {
		return missingFlag("email", "the plan wants to know whom to ask for the key: --email "+g.recipient+"@example.org")
	}
	key, err := keyring.Generate(user, g.email)
	if err != nil {
		return err
	}
	out := generated{
		Fingerprint: key.Public().Fingerprint(),
		PrivateFile: filepath.Join(g.out, name+".private.asc"), PublicFile: filepath.Join(g.out, name+".asc"),
	}
	if err := writeKeys(key, out); err != nil {
		return err
	}
	if out.PlanPath, out.Snippet, err = g.snippet(key.Public(), out, time.Now().UTC()); err != nil {
		return err
	}
	return a.print(out, func(w *tabwriter.Writer) {
		fmt.Fprintf(w, "%s fingerprint\t%s\n", a.color(green, "✓"), out.Fingerprint)
		fmt.Fprintf(w, "private half\t%s\n", out.PrivateFile)
		fmt.Fprintf(w, "public half\t%s\n", out.PublicFile)
		fmt.Fprintf(w, "\nput this under %s of the plan:\n%s", out.PlanPath, out.Snippet)
	})
}

// writeKeys writes the private half first: a public half without it would be a
// lock nobody can open.
func writeKeys(key keyring.PrivateKey, out generated) error {
	private, err := key.Armored()
	if err != nil {
		return err
	}
	public, err := key.Public().Armored()
	if err != nil {
		return err
	}
	if err := createFile(out.PrivateFile, private, 0o600); err != nil {
		return err
	}
	return createFile(out.PublicFile, public, 0o644)
}

// createFile writes a new file durably and never an existing one.
func createFile(path, text string, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if errors.Is(err, fs.ErrExist) {
		return failure.New(failure.Exists, "%s is there already; nothing was overwritten", path).WithHint("--out ANOTHER-DIRECTORY")
	}
	if errors.Is(err, fs.ErrNotExist) {
		return failure.New(failure.NotFound, "directory %s does not exist", filepath.Dir(path)).WithHint("mkdir -p %s", filepath.Dir(path))
	}
	if err != nil {
		return failure.Wrap(failure.Forbidden, err, "create %s", path)
	}
	_, err = file.WriteString(text)
	return failure.Wrap(failure.Unavailable, errors.Join(err, file.Sync(), file.Close()), "write %s", path)
}

// snippet is the YAML that makes the plan know the key.
func (g generation) snippet(public keyring.PublicKey, out generated, now time.Time) (path, text string, err error) {
	if g.recipient != "" {
		file, err := filepath.Abs(out.PublicFile)
		if err != nil {
			return "", "", failure.Wrap(failure.Internal, err, "name the public key file")
		}
		lines := []string{"- name: " + g.recipient, "  email: " + g.email, "  public_key_file: " + file, ""}
		return "encryption.recipients", strings.Join(lines, "\n"), nil
	}
	line, err := public.Line()
	if err != nil {
		return "", "", err
	}
	lines := []string{
		"signing_keys:", "  - key: " + line, "    valid_from: " + now.Format(time.DateOnly),
		"    valid_until: " + now.AddDate(0, 0, g.days).Format(time.DateOnly), "",
	}
	return "sites[].hosts[" + g.host + "]", strings.Join(lines, "\n"), nil
}
