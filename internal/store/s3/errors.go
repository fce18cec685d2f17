package s3

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

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
	if wrapped.Hint == "" {
		wrapped.Hint = s.hint(err, class)
	}
	return wrapped
}

func (s *Store) hint(err error, class failure.Class) string {
	switch {
	case codeOf(err) == "NoSuchBucket":
		return "create the bucket " + s.cfg.Bucket + ", or correct the bucket of store " + s.cfg.Name + " in the plan"
	case class == failure.InvalidInput:
		return "correct the region or endpoint of store " + s.cfg.Name + " in the plan"
	case class == failure.Forbidden:
		return "check the credentials of store " + s.cfg.Name + " and the policy of bucket " + s.cfg.Bucket
	default:
		return ""
	}
}

// classOf maps S3's answer to a class. Codes come first where they say more than
// the status: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
func classOf(err error) failure.Class {
	var own *failure.Error
	if errors.As(err, &own) {
		return own.Class
	}
	switch codeOf(err) {
	case "BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody":
		return failure.Corrupt
	case "SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "OperationAborted":
		return failure.Unavailable
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return failure.InvalidInput
	case "InvalidAccessKeyId", "XAdminUserNotFound": // versitygw gives the latter with status 404
		return failure.Forbidden
	case "NoSuchKey", "NoSuchVersion", "NoSuchBucket", "NoSuchUpload", "NotFound", "":
		// Absent, or an answer without a code: the status decides.
	default:
		if statusOf(err) == http.StatusNotFound {
			return failure.Unknown // something is not there, but not the object
		}
	}
	if status := statusOf(err); status != 0 {
		return classOfStatus(status)
	}
	var network net.Error
	var canceled *smithy.CanceledError
	if errors.As(err, &network) || errors.As(err, &canceled) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return failure.Unavailable
	}
	return failure.ClassOf(err)
}

func classOfStatus(status int) failure.Class {
	switch {
	case status == http.StatusNotFound:
		return failure.NotFound
	case status == http.StatusPreconditionFailed, status == http.StatusConflict:
		return failure.Exists
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return failure.Forbidden
	case status == http.StatusMovedPermanently, status == http.StatusTemporaryRedirect:
		return failure.InvalidInput
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= http.StatusInternalServerError:
		return failure.Unavailable
	default:
		return failure.Unknown
	}
}

// codeOf is the error code of S3's answer, or "".
func codeOf(err error) string {
	var answered smithy.APIError
	if errors.As(err, &answered) {
		return answered.ErrorCode()
	}
	return ""
}

// statusOf is the HTTP status of S3's answer, or 0 when there was none.
func statusOf(err error) int {
	var answered *awshttp.ResponseError
	if errors.As(err, &answered) && answered.Response != nil {
		return answered.HTTPStatusCode()
	}
	return 0
}
