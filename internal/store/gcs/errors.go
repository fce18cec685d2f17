package gcs

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// classed gives err the class its answer stands for, and names bucket and store.
func (s *Store) classed(ctx context.Context, err error, format string, args ...any) *failure.Error {
	class := classOf(err)
	if ctx.Err() != nil {
		class = failure.Unavailable
	}
	wrapped := failure.New(class, format, args...)
	wrapped.Message += " (store " + s.cfg.Name + ", bucket " + s.cfg.Bucket + ")"
	wrapped.Cause, wrapped.Hint = err, failure.HintOf(err)
	switch {
	case wrapped.Hint != "":
	case errors.Is(err, storage.ErrBucketNotExist):
		wrapped.Hint = "create the bucket " + s.cfg.Bucket + ", or correct the bucket of store " + s.cfg.Name + " in the plan"
	case class == failure.Forbidden:
		wrapped.Hint = "check the credentials of store " + s.cfg.Name + " and the permissions on bucket " + s.cfg.Bucket
	}
	return wrapped
}

// classOf maps GCS's answer to a class:
// https://cloud.google.com/storage/docs/json_api/v1/status-codes
func classOf(err error) failure.Class {
	var own *failure.Error
	var answered *googleapi.Error
	var network net.Error
	switch {
	case errors.As(err, &own):
		return own.Class
	case errors.Is(err, storage.ErrObjectNotExist), errors.Is(err, storage.ErrBucketNotExist):
		return failure.NotFound
	case errors.As(err, &answered):
		return classOfAnswer(answered)
	case errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return failure.Unavailable
	default:
		return failure.ClassOf(err)
	}
}

func classOfAnswer(answered *googleapi.Error) failure.Class {
	status := answered.Code
	switch {
	case status == http.StatusNotFound:
		return failure.NotFound
	case status == http.StatusPreconditionFailed, status == http.StatusConflict:
		return failure.Exists
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return failure.Forbidden
	case status == http.StatusBadRequest && namesChecksum(answered.Message+answered.Body):
		return failure.Corrupt
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= http.StatusInternalServerError:
		return failure.Unavailable
	default:
		return failure.Unknown
	}
}

// namesChecksum tells a refused checksum from other bad requests, which GCS
// answers with the same code: "Provided CRC32C ... doesn't match calculated".
func namesChecksum(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "crc32c") || strings.Contains(text, "md5") || strings.Contains(text, "checksum")
}
