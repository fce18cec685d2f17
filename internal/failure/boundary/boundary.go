package boundary

import (
	"errors"

	"go.temporal.io/sdk/temporal"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Detail travels with every application error that Out makes.
type Detail struct {
	Hint  string `json:"hint,omitempty"`
	Field string `json:"field,omitempty"`
}

// Out turns err into a Temporal application error whose type is err's class and
// which is retryable when the class is. Out(nil) is nil. Errors that already are
// Temporal errors (cancellation, for one) pass unchanged.
func Out(err error) error { return out(err, false) }

// Final is Out for what was tried for long enough: it is not retried, whatever its class.
func Final(err error) error { return out(err, true) }

func out(err error, final bool) error {
	if err == nil {
		return nil
	}
	var canceled *temporal.CanceledError
	var applied *temporal.ApplicationError
	if errors.As(err, &canceled) || errors.As(err, &applied) {
		return err
	}
	class := failure.ClassOf(err)
	detail := Detail{Hint: failure.HintOf(err)}
	var classed *failure.Error
	if errors.As(err, &classed) {
		detail.Field = classed.Field
	}
	// The cause is flattened into the message on purpose: a chain of Go error
	// types means nothing to the other side and doubles the history's size.
	return temporal.NewApplicationErrorWithOptions(err.Error(), string(class),
		temporal.ApplicationErrorOptions{NonRetryable: final || !class.Retryable(), Details: []any{detail}})
}

// In turns what a Temporal future returned back into a classed error. A timeout
// is Unavailable, a terminated or panicked activity Internal or Unknown. In(nil)
// is nil, and cancellation passes unchanged so that workflows can test for it; so
// does an error that has its class already, and In twice is In once.
func In(err error) error {
	if err == nil || temporal.IsCanceledError(err) {
		return err
	}
	var applied *temporal.ApplicationError
	if errors.As(err, &applied) {
		return fromApplication(applied)
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		return failure.New(failure.Unavailable, "timed out (%s): %s", timeout.TimeoutType(), timeout.Message()).
			WithHint("look at the worker of that queue: that it runs, what it logs, and that its host's clock is right, since one that is ahead ends an activity before it begins")
	}
	var panicked *temporal.PanicError
	if errors.As(err, &panicked) {
		return failure.New(failure.Internal, "panic: %s", panicked.Error())
	}
	var classed *failure.Error
	if errors.As(err, &classed) {
		return err
	}
	return failure.New(failure.Unknown, "%s", err.Error())
}

func fromApplication(applied *temporal.ApplicationError) error {
	classed := failure.New(failure.Class(applied.Type()), "%s", applied.Message())
	if classed.Class == "" {
		classed.Class = failure.Unknown
	}
	var detail Detail
	if applied.HasDetails() && applied.Details(&detail) == nil {
		classed.Hint, classed.Field = detail.Hint, detail.Field
	}
	return classed
}
