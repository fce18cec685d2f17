package main

import (
	"errors"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// classOfServer returns the class of an error that Temporal's server, or the way
// to it, gave.
func classOfServer(err error) failure.Class {
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

// temporalFailureConverter encodes messages and stack traces of failures with
// the payloads' codec: they name hosts, tables and people.
func temporalFailureConverter(data converter.DataConverter) converter.FailureConverter {
	return temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter: data, EncodeCommonAttributes: true,
	})
}
