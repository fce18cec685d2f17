package s3

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// abortTimeout bounds the tidying up after a failed or cancelled upload.
const abortTimeout = 30 * time.Second

// putPieces sends the body in pieces and joins them. Whatever fails, the pieces
// are removed; after a crash they stay, unseen, until the bucket's lifecycle
// rule for incomplete uploads removes them.
func (s *Store) putPieces(ctx context.Context, u upload) (string, error) {
	if err := s.absent(ctx, u.key); err != nil { // spares sending what would be refused
		return "", err
	}
	input := &s3.CreateMultipartUploadInput{
		Bucket: &s.cfg.Bucket, Key: s.key(u.key), Metadata: u.metadata(), ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	}
	input.ObjectLockMode, input.ObjectLockRetainUntilDate = lockInput(u.opts.RetainUntil)
	created, err := s.client.CreateMultipartUpload(ctx, input)
	if err != nil {
		return "", err
	}
	version, err := s.sendAndJoin(ctx, u, created.UploadId)
	if err != nil {
		return "", errors.Join(s.classed(ctx, err, "send pieces"), s.abort(ctx, u.key, created.UploadId))
	}
	return version, nil
}

func (s *Store) absent(ctx context.Context, key string) error {
	_, _, err := s.head(ctx, key, "")
	switch {
	case err == nil:
		return failure.New(failure.Exists, "object %s exists already", key)
	case failure.Is(err, failure.NotFound):
		return nil
	default:
		return err
	}
}

func (s *Store) sendAndJoin(ctx context.Context, u upload, id *string) (string, error) {
	pieces, err := s.sendPieces(ctx, u, id)
	if err != nil {
		return "", err
	}
	nothing := ifNothingThere
	out, err := s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &s.cfg.Bucket, Key: s.key(u.key), UploadId: id, IfNoneMatch: &nothing,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: pieces},
	})
	if err != nil {
		return "", err
	}
	return value(out.VersionId), nil
}

// sendPieces reads the body once, in order: the bytes looked at are the bytes sent.
func (s *Store) sendPieces(ctx context.Context, u upload, id *string) ([]types.CompletedPart, error) {
	size := u.opts.SizeBytes
	pieceBytes := max(s.cfg.PieceBytes, (size+maxPieces-1)/maxPieces)
	pieces := make([]types.CompletedPart, (size+pieceBytes-1)/pieceBytes)
	buffers := make(chan []byte, s.cfg.Concurrency)
	for range s.cfg.Concurrency {
		buffers <- nil // made when first used
	}
	sent := store.NewSent(u.opts)
	group, ctx := errgroup.WithContext(ctx)
	for i := range pieces {
		offset := int64(i) * pieceBytes
		length := min(pieceBytes, size-offset)
		buffer, err := fill(ctx, buffers, u.body, offset, length, sent)
		if err != nil {
			group.Go(func() error { return err })
			break
		}
		group.Go(func() error {
			var err error
			pieces[i], err = s.sendPiece(ctx, u.key, id, int32(i+1), buffer) //nolint:gosec // at most maxPieces
			buffers <- buffer
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return pieces, sent.Verdict()
}

// fill waits for a free buffer and reads the next piece into it.
func fill(ctx context.Context, buffers <-chan []byte, body io.ReaderAt, offset, length int64, sent io.Writer) ([]byte, error) {
	var buffer []byte
	select {
	case buffer = <-buffers:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if int64(cap(buffer)) < length {
		buffer = make([]byte, length)
	}
	buffer = buffer[:length]
	if n, err := body.ReadAt(buffer, offset); int64(n) < length {
		return nil, failure.Wrap(failure.Corrupt, errors.Join(err, io.ErrUnexpectedEOF), "read body at byte %d", offset)
	}
	_, err := sent.Write(buffer)
	return buffer, err
}

func (s *Store) sendPiece(ctx context.Context, key string, id *string, number int32, data []byte) (types.CompletedPart, error) {
	digest := store.DigestOf(data)
	sum := base64.StdEncoding.EncodeToString(digest[:])
	out, err := s.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &s.cfg.Bucket, Key: s.key(key), UploadId: id, PartNumber: &number,
		Body: bytes.NewReader(data), ChecksumSHA256: &sum, ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	}, signedAs(digest))
	if err != nil {
		return types.CompletedPart{}, err
	}
	return types.CompletedPart{ETag: out.ETag, PartNumber: &number, ChecksumSHA256: &sum}, nil
}

// abort removes the pieces, also when the call was cancelled. An upload that is
// gone already, or was completed, is fine.
func (s *Store) abort(ctx context.Context, key string, id *string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: &s.cfg.Bucket, Key: s.key(key), UploadId: id,
	})
	if err == nil || codeOf(err) == "NoSuchUpload" {
		return nil
	}
	return s.classed(ctx, err, "remove the pieces of %s", key)
}
