package wire

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// ErrNoDaemon marks that no answer was had, whether because nobody listens or
// because the daemon went away in the middle. What was asked may or may not
// have happened; every verb is idempotent, so the caller does it itself.
var ErrNoDaemon = errors.New("the wal daemon does not answer")

// Ask sends one request to the daemon at socket and returns its answer. timeout
// covers the whole exchange. Errors match ErrNoDaemon when another way should
// be taken; others say that the request itself is wrong.
func Ask(ctx context.Context, socket string, request Request, timeout time.Duration) (Answer, error) {
	if err := request.Validate(); err != nil {
		return Answer{}, err
	}
	dialer := net.Dialer{Timeout: time.Second}
	connection, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return Answer{}, noDaemon(err)
	}
	defer func() { _ = connection.Close() }() // the answer is already read
	if err := connection.SetDeadline(time.Now().Add(timeout)); err != nil {
		return Answer{}, noDaemon(err)
	}
	if err := Write(connection, request); err != nil {
		return Answer{}, noDaemon(err)
	}
	var answer Answer
	if err := Read(connection, &answer); err != nil {
		return Answer{}, noDaemon(err)
	}
	return answer, nil
}

func noDaemon(cause error) error {
	return failure.Wrap(failure.Unavailable, errors.Join(ErrNoDaemon, cause), "ask the wal daemon")
}
