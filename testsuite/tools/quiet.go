package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	policyPath  = "/usr/sbin/policy-rc.d"
	clusterPath = "/etc/postgresql-common/createcluster.d/holdfast.conf"
	savedSuffix = ".before-holdfast"
)

// quietly runs install with Debian's packages kept from starting services
// (policy-rc.d) and PostgreSQL's from creating a system cluster
// (createcluster.d), and puts both back as they were. A run that was killed in
// between is put right by the next one, which finds the saved file.
func quietly(install func() error, packages []string) (err error) {
	restorePolicy, err := shim(policyPath, "#!/bin/sh\n# Written by holdfast's make tools while it installs; removed after.\nexit 101\n", 0o755)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, restorePolicy()) }()
	restoreCluster, err := shim(clusterPath, "create_main_cluster = false\n", 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, restoreCluster()) }()
	if err := install(); err != nil {
		return err
	}
	return stayOff(packages)
}

// shim puts text at path and returns what restores the state before: the old
// file, or none.
func shim(path, text string, mode os.FileMode) (restore func() error, err error) {
	saved := path + savedSuffix
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, failure.Wrap(failure.Forbidden, err, "make %s", filepath.Dir(path))
	}
	left, _ := os.ReadFile(path) // #nosec G304 -- a constant path; unreadable or absent: not our text
	if _, err := os.Lstat(saved); errors.Is(err, os.ErrNotExist) && string(left) != text {
		if err := os.Rename(path, saved); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, failure.Wrap(failure.Forbidden, err, "keep %s", path)
		}
	}
	restore = func() error {
		err := os.Rename(saved, path)
		if errors.Is(err, os.ErrNotExist) {
			err = os.Remove(path)
		}
		return failure.Wrap(failure.Forbidden, err, "put %s back", path)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		return nil, errors.Join(failure.Wrap(failure.Forbidden, err, "write %s", path), restore())
	}
	return restore, nil
}

// stayOff keeps services that were installed just now from starting at the next
// boot: only their programs are wanted.
func stayOff(packages []string) error {
	if _, err := exec.LookPath("systemctl"); err != nil || !slices.Contains(packages, "pgbouncer") {
		return nil //nolint:nilerr // without systemd nothing was enabled
	}
	out, err := exec.Command("systemctl", "disable", "pgbouncer.service").CombinedOutput() //nolint:noctx // removes two links
	if err != nil {
		fmt.Printf("%s", out)
	}
	return failure.Wrap(failure.Unavailable, err, "systemctl disable pgbouncer.service")
}
