package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
)

func TestSecretPrintsRedactedInEveryFormat(t *testing.T) {
	t.Parallel()
	secret := config.NewSecret("hunter2")
	holder := struct{ Key config.Secret }{secret}
	encoded, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{string(encoded)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		printed = append(printed, fmt.Sprintf(verb, secret), fmt.Sprintf(verb, holder), fmt.Sprintf(verb, &holder))
	}
	for _, text := range printed {
		if strings.Contains(text, "hunter2") {
			t.Errorf("the secret was printed: %s", text)
		}
	}
	if secret.Reveal() != "hunter2" {
		t.Error("Reveal does not give the value")
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOLDFAST_TEST_SECRET", "from-env")
	private := write(t, dir, "private", "from-file\n", 0o600)
	group := write(t, dir, "group", "from-group", 0o640)
	public := write(t, dir, "public", "leaked", 0o644)
	empty := write(t, dir, "empty", "\n", 0o600)
	large := write(t, dir, "large", strings.Repeat("x", 65<<10), 0o600)
	cases := []struct {
		ref, want string
		class     failure.Class
	}{
		{ref: "", want: ""},
		{ref: "env:HOLDFAST_TEST_SECRET", want: "from-env"},
		{ref: "file:" + private, want: "from-file"},
		{ref: "file:" + group, want: "from-group"},
		{ref: "env:", class: failure.NotFound},
		{ref: "env:HOLDFAST_TEST_NOT_SET", class: failure.NotFound},
		{ref: "file:" + public, class: failure.Unsafe},
		{ref: "file:" + empty, class: failure.InvalidInput},
		{ref: "file:" + large, class: failure.InvalidInput},
		{ref: "file:" + dir, class: failure.InvalidInput},
		{ref: "file:relative", class: failure.InvalidInput},
		{ref: "file:" + dir + "/none", class: failure.NotFound},
		{ref: "hunter2", class: failure.InvalidInput},
	}
	for _, c := range cases {
		secret, err := config.Resolve(c.ref)
		if failure.ClassOf(err) != c.class || secret.Reveal() != c.want {
			t.Errorf("Resolve(%.80q) gave class %q, value right: %v; want class %q", c.ref, failure.ClassOf(err), secret.Reveal() == c.want, c.class)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error repeats the secret: %v", err)
		}
	}
}

func write(t *testing.T, dir, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}
