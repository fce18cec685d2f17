package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	backupFile  = "backup to two file stores"
	backupCloud = "backup to S3 and GCS"
	backupS3    = "backup to S3"
	backupPeer  = "pgBackRest backup"
	backupTar   = "tar, gzip and gpg"
)

// measureBackups lets full backups take turns: ours to three choices of stores,
// pgBackRest's, and the pipeline.
func measureBackups(ctx context.Context, w *workshop, f *findings) error {
	l, err := w.ready(ctx)
	if err != nil {
		return err
	}
	f.raw, err = w.takeTurns(ctx, []contender{
		{backupFile, l.file.coldBackup, []string{rowBackupFile, rowBackupTar}},
		{backupPeer, l.peer.coldBackup, []string{rowBackupFile, rowBackupCloud, rowBackupS3}},
		{backupCloud, l.cloud.coldBackup, []string{rowBackupCloud}},
		{backupS3, l.s3.coldBackup, []string{rowBackupS3}},
		{backupTar, l.pipeline, []string{rowBackupTar}},
	})
	if err != nil {
		return err
	}
	f.faster(rowBackupFile, backupFile, backupPeer)
	f.faster(rowBackupCloud, backupCloud, backupPeer)
	f.faster(rowBackupS3, backupS3, backupPeer)
	f.faster(rowBackupTar, backupFile, backupTar)
	f.note("Backups, processor seconds (median): %s.", strings.Join(processorTimes(f.raw), "; "))
	return nil
}

// processorTimes says what each contender and the servers behind it used.
func processorTimes(raw map[string][]sample) []string {
	var out []string
	for name, samples := range raw {
		servers := map[string]float64{}
		for server := range samples[0].Servers {
			servers[server] = median(pick(samples, func(s sample) float64 { return s.Servers[server] }))
		}
		own := median(pick(samples, func(s sample) float64 { return s.CPUSeconds }))
		out = append(out, fmt.Sprintf("%s %.1f (%s)", name, own, strings.Join(named(servers, "%s %.1f"), ", ")))
	}
	return sorted(out)
}

func (b *bed) coldBackup(ctx context.Context) (made sample, err error) {
	if err := b.protect(ctx); err != nil {
		return made, err
	}
	dropCaches()
	if made, err = b.backUp(ctx); err != nil {
		return made, err
	}
	return made, b.release(ctx)
}

func (p *peer) coldBackup(ctx context.Context) (made sample, err error) {
	if err := p.archiveBy(ctx, p.archiveCommand()); err != nil {
		return made, err
	}
	dropCaches()
	if made, err = p.backUp(ctx); err != nil {
		return made, err
	}
	return made, p.archiveBy(ctx, noArchive)
}

// pipeline is the one the shipped plan was written for: it knows nothing of
// PostgreSQL, so what it makes of a running server is no backup. What lies in
// pg_wal is left out, as everybody else leaves it out.
func (l *lab) pipeline(ctx context.Context) (made sample, err error) {
	home := filepath.Join(l.dir, "gnupg")
	if err := l.owner.MkdirAll(home); err != nil {
		return made, err
	}
	recipient := l.Plan.Encryption.Recipients[0]
	if err := l.do(ctx, l.other(ctx, "gpg", "--homedir", home, "--batch", "--quiet", "--no-autostart", "--import", recipient.PublicKeyFile)); err != nil {
		return made, err
	}
	out := filepath.Join(l.dir, "pipeline.tar.gz.gpg")
	dropCaches()
	// tar ends with 1 when a file changes meanwhile; what came out is judged below.
	made, _, err = l.measure(ctx, l.other(ctx, "sh", "-c", `tar -czf - --exclude='pg_wal/*' "$1" 2>/dev/null | gpg --homedir "$2" --batch --no-autostart --trust-model always --cipher-algo AES256 --encrypt -r "$3" > "$4"`,
		"sh", l.Primary.DataDir, home, recipient.Email, out))
	if err != nil {
		return made, err
	}
	info, err := os.Stat(out)
	if err != nil {
		return made, failure.Wrap(failure.NotFound, err, "look at what the pipeline made")
	}
	made.Figures = map[string]float64{"stored MB": float64(info.Size()) / 1e6}
	if size, err := l.databaseBytes(ctx); err != nil || info.Size() < size/4 {
		return made, failure.New(failure.CheckFailed, "the pipeline made %d bytes of a database of %d (%v)", info.Size(), size, err)
	}
	return made, failure.Wrap(failure.Forbidden, os.Remove(out), "remove what the pipeline made")
}
