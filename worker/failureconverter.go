package main

import (
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
)

// temporalFailureConverter encodes messages and stack traces of failures with
// the payloads' codec: they name hosts, tables and people.
func temporalFailureConverter(data converter.DataConverter) converter.FailureConverter {
	return temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter: data, EncodeCommonAttributes: true,
	})
}
