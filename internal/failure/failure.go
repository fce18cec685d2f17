package failure

import (
	"context"
	"errors"
	"fmt"
)

// Error is a classed error. Make one with New or Wrap.
type Error struct {
	Class   Class
	Message string // what happened, to which thing, and why
	Hint    string // the next command to run, or what would be right; may be empty
	Field   string // for InvalidInput: the field at fault; may be empty
	Cause   error  // may be nil
}

// New returns an error of class c with a formatted message.
func New(c Class, format string, args ...any) *Error {
	return &Error{Class: c, Message: fmt.Sprintf(format, args...)}
}

// Invalid returns an InvalidInput error that names the field at fault.
func Invalid(field, format string, args ...any) *Error {
	return &Error{Class: InvalidInput, Field: field, Message: field + ": " + fmt.Sprintf(format, args...)}
}

// Wrap returns an error of class c that adds a message to cause and keeps
// cause's hint. It returns nil when cause is nil.
func Wrap(c Class, cause error, format string, args ...any) error {
	if cause == nil {
		return nil
	}
	return &Error{Class: c, Message: fmt.Sprintf(format, args...), Cause: cause, Hint: HintOf(cause)}
}

// WithHint sets the hint and returns e.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// Error returns the message and its causes, without class or hint.
func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// ClassOf returns the class of the outermost classed error in err's chain.
// A context error without class is Unavailable; anything else is Unknown.
// ClassOf(nil) is the empty class.
func ClassOf(err error) Class {
	var classed *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &classed):
		return classed.Class
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Unavailable
	default:
		return Unknown
	}
}

// Is reports whether err is of class c.
func Is(err error, c Class) bool { return err != nil && ClassOf(err) == c }

// HintOf returns the first hint in err's chain, or "".
func HintOf(err error) string {
	var classed *Error
	for errors.As(err, &classed) {
		if classed.Hint != "" {
			return classed.Hint
		}
		err = classed.Cause
	}
	return ""
}
