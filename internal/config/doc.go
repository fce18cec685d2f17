// Package config resolves what a plan may only refer to: secrets.
//
// A plan, a workflow payload and a log never hold a secret, only a reference to
// one: env:NAME or file:/path. The process that needs it resolves the reference
// at its edge, into a Secret that prints as "[redacted]" in every format.
package config
