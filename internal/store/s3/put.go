package s3

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"syscall"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// DigestName is the metadata that records an object's SHA-256, in hexadecimal.
const DigestName = "holdfast-sha256"

// markName is the metadata that tells one Put's object from all others.
const markName = "holdfast-put"

const ifNothingThere = "*"

// upload is one Put.
type upload struct {
	key  string
	body io.ReaderAt
	opts store.PutOptions
	mark string // of this Put alone; see the package documentation
}

func (u upload) metadata() map[string]string {
	return map[string]string{DigestName: u.opts.SHA256.String(), markName: u.mark}
}

// Put implements store.Store. When it fails with failure.Unavailable the object
// may be there all the same; a second Put then says failure.Exists.
func (s *Store) Put(ctx context.Context, key string, body io.ReaderAt, opts store.PutOptions) (store.Object, error) {
	if err := store.CheckPut(key, body, opts); err != nil {
		return store.Object{}, err
	}
	if !s.capabilities.Locks {
		opts.RetainUntil = time.Time{}
	}
	u := upload{key: key, body: body, opts: opts, mark: rand.Text()}
	send := s.putWhole
	if opts.SizeBytes > s.cfg.ThresholdBytes {
		send = s.putPieces
	}
	version, err := send(ctx, u)
	if err != nil {
		return s.settle(ctx, u, s.classed(ctx, err, "put %s", key))
	}
	made, _, err := s.head(ctx, key, version)
	if err != nil {
		return store.Object{}, err
	}
	return made, s.asAsked(made, opts)
}

// settle decides what a refusal means by the mark of what is there now.
func (s *Store) settle(ctx context.Context, u upload, refusal *failure.Error) (store.Object, error) {
	cut := cutShort(refusal)
	if refusal.Class != failure.Exists && codeOf(refusal) != "NoSuchUpload" && !cut {
		return store.Object{}, refusal
	}
	there, mark, err := s.head(ctx, u.key, "")
	switch {
	case cut && err != nil:
		return store.Object{}, refusal
	case failure.Is(err, failure.NotFound):
		// Another writer was in the way and then failed or was undone.
		refusal.Class = failure.Unavailable
		return store.Object{}, refusal
	case err != nil:
		return store.Object{}, err
	case mark == u.mark:
		return there, s.asAsked(there, u.opts)
	}
	refusal.Class = failure.Exists
	return store.Object{}, refusal
}

// cutShort reports whether the server hung up while the body was being sent.
// Some answer a refusal at once and close: the answer is then lost with the
// connection. A server that is down refuses connections instead, and is not asked
// once more.
func cutShort(refusal *failure.Error) bool {
	return refusal.Class == failure.Unavailable && (errors.Is(refusal, syscall.ECONNRESET) || errors.Is(refusal, syscall.EPIPE))
}

// asAsked compares what the store says it made with what was asked for.
func (s *Store) asAsked(made store.Object, opts store.PutOptions) error {
	if made.SizeBytes != opts.SizeBytes || made.SHA256 != opts.SHA256 {
		return failure.New(failure.Corrupt, "put %s: store %s made %d bytes with digest %s, want %d with %s",
			made.Key, s.cfg.Name, made.SizeBytes, made.SHA256, opts.SizeBytes, opts.SHA256)
	}
	// Stores keep whole seconds.
	if made.LockedUntil.Before(opts.RetainUntil.Truncate(time.Second)) {
		return failure.New(failure.CheckFailed, "put %s: store %s locked it until %s, want %s",
			made.Key, s.cfg.Name, made.LockedUntil, opts.RetainUntil).
			WithHint("allow s3:PutObjectRetention and s3:GetObjectRetention on bucket %s", s.cfg.Bucket)
	}
	return nil
}

// putWhole sends the body in one request and returns the version made.
func (s *Store) putWhole(ctx context.Context, u upload) (string, error) {
	nothing, sum := ifNothingThere, base64.StdEncoding.EncodeToString(u.opts.SHA256[:])
	input := &s3.PutObjectInput{
		Bucket: &s.cfg.Bucket, Key: s.key(u.key), Body: io.NewSectionReader(u.body, 0, u.opts.SizeBytes),
		ContentLength: &u.opts.SizeBytes, ChecksumSHA256: &sum, ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
		IfNoneMatch: &nothing, Metadata: u.metadata(),
	}
	input.ObjectLockMode, input.ObjectLockRetainUntilDate = lockInput(u.opts.RetainUntil)
	out, err := s.client.PutObject(ctx, input, signedAs(u.opts.SHA256))
	if err != nil {
		return "", err
	}
	return value(out.VersionId), nil
}

func lockInput(until time.Time) (types.ObjectLockMode, *time.Time) {
	if until.IsZero() {
		return "", nil
	}
	until = ceilSecond(until)
	return types.ObjectLockModeCompliance, &until
}

// ceilSecond rounds up: a lock may end later than asked, never earlier.
func ceilSecond(t time.Time) time.Time {
	return t.Add(time.Second - time.Nanosecond).Truncate(time.Second).UTC()
}

// signedAs gives the signer the digest it would otherwise compute by reading the
// whole body once more.
func signedAs(digest store.Digest) func(*s3.Options) {
	set := middleware.InitializeMiddlewareFunc("HoldfastPayloadHash", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(v4.SetPayloadHash(ctx, hex.EncodeToString(digest[:])), in)
	})
	return s3.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Initialize.Add(set, middleware.After)
	})
}

// value is the string a pointer of the SDK stands for.
func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
