package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
	"github.com/terragonlabs/holdfast/internal/walship/wire"
)

// askTimeout bounds one exchange with the daemon. Push waits for stores, each
// bounded by its own timeout; this is the last resort against a stuck daemon.
const askTimeout = 10 * time.Minute

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, complaints io.Writer) int {
	call, err := wire.ParseCall(args)
	if call.Request.Verb == wire.Fetch {
		wire.AbortOnCrash()
	}
	if err == nil {
		err = wire.Guard(func() error { return ask(call, out, complaints) })
	}
	if err != nil {
		complain(complaints, err)
	}
	return call.Exit(err)
}

func complain(w io.Writer, err error) {
	text := fmt.Sprintf("wal: %s: %s\n", failure.ClassOf(err), err)
	if hint := failure.HintOf(err); hint != "" {
		text += "hint: " + hint + "\n"
	}
	// PostgreSQL's log is behind w; when that is gone there is nowhere left to say so.
	_, _ = io.WriteString(w, text)
}

func ask(call wire.Call, out, complaints io.Writer) error {
	s, err := settings.Load(call.Config)
	if err != nil {
		return err
	}
	if call.Request.Verb == wire.Serve {
		return become(s.Worker, call, nil)
	}
	answer, err := wire.Ask(context.Background(), s.Socket, call.Request, askTimeout)
	switch {
	case !errors.Is(err, wire.ErrNoDaemon) || call.Request.Verb == wire.Status:
	case s.Worker != "":
		return become(s.Worker, call, err)
	case call.Request.Verb == wire.Fetch:
		complain(complaints, failure.Wrap(failure.Unavailable, err, "recovery waits for %s", call.Request.Name))
		answer, err = await(s, call.Request)
	}
	if err != nil {
		return err
	}
	if len(answer.Status) > 0 {
		if _, err := fmt.Fprintf(out, "%s\n", answer.Status); err != nil {
			return failure.Wrap(failure.Unavailable, err, "print status")
		}
	}
	return answer.Err()
}

// become replaces this process by the full worker. It returns only on failure.
func become(worker string, call wire.Call, why error) error {
	argv := append([]string{worker, "wal", "--config", call.Config}, call.Args...)
	err := syscall.Exec(worker, argv, os.Environ())
	return failure.New(failure.Unavailable, "run %s: %s", worker, errors.Join(err, why)).
		WithHint("systemctl start holdfast-wal, or correct worker in %s", call.Config)
}
