package boundary

import (
	"errors"

	"go.temporal.io/api/serviceerror"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// ClassOfServer returns the class of an error that Temporal's server, or the way
// to it, gave: Unavailable unless it is a verdict.
func ClassOfServer(err error) failure.Class {
	var (
		denied  *serviceerror.PermissionDenied
		missing *serviceerror.NamespaceNotFound
	)
	switch {
	case errors.As(err, &denied):
		return failure.Forbidden
	case errors.As(err, &missing):
		return failure.NotFound
	}
	switch status.Code(err) {
	case codes.Unauthenticated, codes.PermissionDenied:
		return failure.Forbidden
	case codes.NotFound:
		return failure.NotFound
	case codes.InvalidArgument:
		return failure.InvalidInput
	case codes.AlreadyExists:
		return failure.Exists
	default:
		return failure.Unavailable
	}
}

// Unconnected is the error of a connection to Temporal at address that did not
// come about: found, where a look at the handshake found why, else err in its class.
func Unconnected(address string, err, found error) error {
	if found != nil {
		return failure.Wrap(failure.ClassOf(found), found, "connect to Temporal")
	}
	class := ClassOfServer(err)
	made := failure.New(class, "connect to Temporal at %s: %s", address, err)
	switch class {
	case failure.Forbidden:
		return made.WithHint("TEMPORAL_API_KEY, or a certificate that may use the namespace: TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH")
	case failure.NotFound:
		return made.WithHint("TEMPORAL_NAMESPACE; temporal operator namespace list --address %s", address)
	default:
		return made.WithHint("temporal operator cluster health --address %s; without Temporal: starter undo, starter backup", address)
	}
}
