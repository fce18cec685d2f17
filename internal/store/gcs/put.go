package gcs

import (
	"context"
	"crypto/rand"
	"hash/crc32"
	"io"
	"time"

	"cloud.google.com/go/storage"
	"github.com/googleapis/gax-go/v2"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// DigestName is the metadata that records an object's SHA-256, in hexadecimal.
const DigestName = "holdfast-sha256"

// markName is the metadata that tells one Put's object from all others.
const markName = "holdfast-put"

const (
	hashBytes = 1 << 20   // hashed between two looks at the context
	copyBytes = 256 << 10 // handed to the connection at once
)

// Put implements store.Store. When it fails with failure.Unavailable the object
// may be there all the same; a second Put then says failure.Exists.
func (s *Store) Put(ctx context.Context, key string, body io.ReaderAt, opts store.PutOptions) (store.Object, error) {
	if err := store.CheckPut(key, body, opts); err != nil {
		return store.Object{}, err
	}
	if !s.capabilities.Locks {
		opts.RetainUntil = time.Time{}
	}
	sum, err := checksum(ctx, body, opts)
	if err != nil {
		return store.Object{}, s.classed(ctx, err, "put %s", key)
	}
	mark := rand.Text()
	attrs, err := s.send(ctx, key, body, opts, sum, mark)
	if err != nil {
		return s.settle(ctx, key, mark, opts, s.classed(ctx, err, "put %s", key))
	}
	if attrs.CRC32C != sum { // GCS would have refused it; an emulator does not
		return store.Object{}, failure.New(failure.Corrupt, "put %s: store %s received bytes with CRC32C %08x, sent %08x", key, s.cfg.Name, attrs.CRC32C, sum)
	}
	made, err := s.describe(attrs)
	if err != nil {
		return store.Object{}, err
	}
	return made, s.asAsked(made, opts)
}

// checksum returns the body's CRC32C: the caller's, or from a reading that also
// compares the body with its digest.
func checksum(ctx context.Context, body io.ReaderAt, opts store.PutOptions) (uint32, error) {
	if opts.CRC32C != nil {
		return *opts.CRC32C, nil
	}
	sent, sum := store.NewSent(opts), crc32.New(store.Castagnoli())
	buf := make([]byte, min(hashBytes, max(opts.SizeBytes, 1)))
	for offset := int64(0); offset < opts.SizeBytes; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		want := min(int64(len(buf)), opts.SizeBytes-offset)
		n, err := body.ReadAt(buf[:want], offset)
		if int64(n) < want {
			return 0, failure.New(failure.Corrupt, "body ends at byte %d of %d: %v", offset+int64(n), opts.SizeBytes, err)
		}
		sent.Write(buf[:n]) //nolint:errcheck // a hash does not fail
		sum.Write(buf[:n])  //nolint:errcheck // a hash does not fail
		offset += int64(n)
	}
	return sum.Sum32(), sent.Verdict()
}

// send uploads the body: up to the threshold in one request, which holds nothing
// in memory and is repeated whole; more in chunks, each of which the library repeats.
func (s *Store) send(
	ctx context.Context, key string, body io.ReaderAt, opts store.PutOptions, sum uint32, mark string,
) (*storage.ObjectAttrs, error) {
	if opts.SizeBytes > s.cfg.ThresholdBytes {
		return s.sendOnce(ctx, s.writerFor(key, opts, sum, mark), s.cfg.ChunkBytes, body, opts.SizeBytes)
	}
	pause := backoff()
	for attempt := 1; ; attempt++ {
		attrs, err := s.sendOnce(ctx, s.writerFor(key, opts, sum, mark), 0, body, opts.SizeBytes)
		if err == nil || attempt == maxAttempts || !worthRepeating(err) {
			return attrs, err
		}
		if err := gax.Sleep(ctx, pause.Pause()); err != nil {
			return nil, err
		}
	}
}

// writerFor makes the writer of one attempt. Cancelling its context is how an
// upload is given up: Close would publish what was sent.
func (s *Store) writerFor(key string, opts store.PutOptions, sum uint32, mark string) func(context.Context) *storage.Writer {
	return func(ctx context.Context) *storage.Writer {
		w := s.bucket.Object(s.cfg.Prefix + key).If(storage.Conditions{DoesNotExist: true}).NewWriter(ctx)
		w.CRC32C, w.SendCRC32C = sum, true
		w.ContentType = "application/octet-stream" // else the client looks into the bytes
		w.Metadata = map[string]string{DigestName: opts.SHA256.String(), markName: mark}
		if !opts.RetainUntil.IsZero() {
			w.Retention = &storage.ObjectRetention{Mode: lockMode, RetainUntil: opts.RetainUntil.UTC()}
		}
		return w
	}
}

// sendOnce sends the body in chunks of chunkBytes, or in one request when that is 0.
func (s *Store) sendOnce(
	ctx context.Context, open func(context.Context) *storage.Writer, chunkBytes int, body io.ReaderAt, sizeBytes int64,
) (*storage.ObjectAttrs, error) {
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	w := open(ctx)
	w.ChunkSize, w.ChunkRetryDeadline = chunkBytes, chunkRetryTime
	n, err := io.CopyBuffer(w, io.NewSectionReader(body, 0, sizeBytes), make([]byte, min(copyBytes, max(sizeBytes, 1))))
	if err != nil {
		return nil, err
	}
	if n != sizeBytes {
		return nil, failure.New(failure.Corrupt, "body had %d bytes, %d were announced", n, sizeBytes)
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return w.Attrs(), nil
}

// settle decides what a refusal means by the mark of what is there now.
func (s *Store) settle(ctx context.Context, key, mark string, opts store.PutOptions, refusal *failure.Error) (store.Object, error) {
	if refusal.Class != failure.Exists {
		return store.Object{}, refusal
	}
	attrs, err := s.bucket.Object(s.cfg.Prefix + key).Attrs(ctx)
	if classOf(err) == failure.NotFound {
		// Another writer was in the way and then failed or was undone.
		refusal.Class = failure.Unavailable
		return store.Object{}, refusal
	}
	if err != nil {
		return store.Object{}, s.classed(ctx, err, "stat %s", key)
	}
	if attrs.Metadata[markName] != mark {
		return store.Object{}, refusal
	}
	there, err := s.describe(attrs)
	if err != nil {
		return store.Object{}, err
	}
	return there, s.asAsked(there, opts)
}

// asAsked compares what the store says it made with what was asked for.
func (s *Store) asAsked(made store.Object, opts store.PutOptions) error {
	if made.SizeBytes != opts.SizeBytes || made.SHA256 != opts.SHA256 {
		return failure.New(failure.Corrupt, "put %s: store %s made %d bytes with digest %s, want %d with %s",
			made.Key, s.cfg.Name, made.SizeBytes, made.SHA256, opts.SizeBytes, opts.SHA256)
	}
	// GCS keeps milliseconds.
	if made.LockedUntil.Before(opts.RetainUntil.Truncate(time.Millisecond)) {
		return failure.New(failure.CheckFailed, "put %s: store %s locked it until %s, want %s",
			made.Key, s.cfg.Name, made.LockedUntil, opts.RetainUntil).
			WithHint("allow storage.objects.setRetention on bucket %s", s.cfg.Bucket)
	}
	return nil
}
