package main

import (
	"path/filepath"
	"testing"
)

func TestPathsAreThoseOfTheDirectoryItWasStartedIn(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	o := runOptions{planFile: "plan.yaml", signingKey: "keys/signer.asc", keyHolder: "/etc/holdfast/backup.asc", stateDir: "../state"}
	if err := o.absolute(); err != nil {
		t.Fatal(err)
	}
	want := runOptions{
		planFile: filepath.Join(dir, "plan.yaml"), signingKey: filepath.Join(dir, "keys", "signer.asc"),
		keyHolder: "/etc/holdfast/backup.asc", stateDir: filepath.Join(filepath.Dir(dir), "state"),
	}
	if o.planFile != want.planFile || o.signingKey != want.signingKey || o.keyHolder != want.keyHolder || o.stateDir != want.stateDir || o.walProgram != "" {
		t.Errorf("got %+v, want %+v", o, want)
	}
}
