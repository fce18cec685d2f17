package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	oursRunning = "restore and start"
	oursFiles   = "restore of files"
	peerRunning = "pgBackRest restore and start"
	peerFiles   = "pgBackRest restore of files"
)

// measureRestores restores the newest set and the newest backup beside the
// primary. Ours counts pg_verifybackup's reading of everything, which is part of it.
func measureRestores(ctx context.Context, w *workshop, f *findings) error {
	l, err := w.ready(ctx)
	if err != nil {
		return err
	}
	if err := l.ensureBackups(ctx); err != nil {
		return err
	}
	var files []sample // of pgBackRest: the first part of restore and start
	f.raw, err = w.takeTurns(ctx, []contender{
		{oursRunning, func(ctx context.Context) (sample, error) { return l.file.restoreBeside(ctx, true) }, []string{rowRestore}},
		{peerRunning, func(ctx context.Context) (sample, error) {
			first, whole, err := l.peer.restoreBeside(ctx)
			files = append(files, first)
			return whole, err
		}, []string{rowRestore, rowRestoreFiles}},
		{oursFiles, func(ctx context.Context) (sample, error) { return l.file.restoreBeside(ctx, false) }, []string{rowRestoreFiles}},
	})
	if err != nil {
		return err
	}
	f.raw[peerFiles] = files
	f.faster(rowRestore, oursRunning, peerRunning)
	f.faster(rowRestoreFiles, oursFiles, peerFiles)
	return nil
}

// ensureBackups makes what restores need, with enough WAL behind the set for a
// server to stop at its end.
func (l *lab) ensureBackups(ctx context.Context) error {
	if err := l.file.ensureSet(ctx); err != nil {
		return err
	}
	return l.peer.ensureBackup(ctx)
}

// restoreCommand is what a user types; name is for its profile.
func (b *bed) restoreCommand(ctx context.Context, name, planFile string, further ...string) *exec.Cmd {
	args := []string{"backup", "restore", "--database", b.Database().Name, "--set", b.set.ID, "--host", b.Primary.Host, "--key", b.privateKey()}
	return b.starter(ctx, planFile, name+"-"+b.name, append(args, further...)...)
}

// privateKey is of the first recipient.
func (l *lab) privateKey() string { return l.Keys.Private[l.Plan.Encryption.Recipients[0].Name] }

// restored is what of `backup restore -o json` is needed here.
type restored struct {
	DataDir      string `json:"data_dir"`
	Again        bool   `json:"again"`
	BytesWritten int64  `json:"bytes_written"`
	BytesKept    int64  `json:"bytes_kept"`
	Judged       string `json:"judged"`
	Reached      *struct {
		LSN string `json:"lsn"`
	} `json:"reached"`
}

// restore runs one restore and checks that it did something.
func (b *bed) restore(ctx context.Context, command *exec.Cmd) (sample, restored, error) {
	var out restored
	made, text, err := b.measure(ctx, command)
	if err != nil {
		return made, out, err
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return made, out, failure.Wrap(failure.Internal, err, "read what backup restore printed: %s", ending(text))
	}
	made.Figures = map[string]float64{"written MB": float64(out.BytesWritten) / 1e6, "kept MB": float64(out.BytesKept) / 1e6}
	if out.Again || out.BytesWritten+out.BytesKept == 0 {
		return made, out, failure.New(failure.CheckFailed, "nothing was restored: %s", ending(text))
	}
	return made, out, nil
}

// restoreBeside restores into a new directory, and with start brings a server to
// the set's end.
func (b *bed) restoreBeside(ctx context.Context, start bool) (sample, error) {
	dir := filepath.Join(b.dir, "restored")
	further := []string{"--to", dir}
	if start {
		further = append(further, "--target-lsn", b.set.StopLSN.String())
	}
	dropCaches()
	made, out, err := b.restore(ctx, b.restoreCommand(ctx, "restore", b.planFile, further...))
	if err == nil && (out.Judged == "" || start != (out.Reached != nil)) {
		err = failure.New(failure.CheckFailed, "the restore was not judged, or did not reach its target: %+v", out)
	}
	return made, errors.Join(err, b.stopServer(ctx, filepath.Join(dir, "data")), firstOf(nil, os.RemoveAll(dir)))
}

// stopServer stops the server of a directory, where one runs.
func (l *lab) stopServer(ctx context.Context, dataDir string) error {
	if read(filepath.Join(dataDir, "postmaster.pid")) == "" {
		return nil
	}
	return l.do(ctx, l.other(ctx, filepath.Join(l.Primary.BinDir, "pg_ctl"), "stop", "-w", "-m", "immediate", "-D", dataDir))
}

// restoreBeside restores into a new directory and starts a server there; files is
// the first part of whole.
func (p *peer) restoreBeside(ctx context.Context) (files, whole sample, err error) {
	dir := filepath.Join(p.dir, "restored-peer")
	dropCaches()
	var server aside
	whole, err = p.timed(func() (err error) {
		if files, err = p.restore(ctx, dir); err != nil {
			return err
		}
		if server, err = p.startAside(dir); err != nil {
			return err
		}
		return p.consistent(ctx, server)
	})
	server.stop()
	return files, whole, firstOf(err, os.RemoveAll(dir))
}

// firstOf is err, or else what went wrong while clearing away.
func firstOf(err, clearing error) error {
	if err != nil {
		return err
	}
	return failure.Wrap(failure.Forbidden, clearing, "clear away")
}
