package walship

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
	"github.com/terragonlabs/holdfast/internal/walship/wire"
)

// Open makes what a command needs from its settings: stores with their
// credentials, keys, log. The returned function closes the stores.
type Open func(context.Context, settings.Settings) (Options, func() error, error)

// Command runs `worker wal <args>`: --config FILE and serve, push %p, fetch %f %p
// or status. It returns the exit code, which for push and fetch is PostgreSQL's
// protocol (see wire.PushExit and wire.FetchExit).
func Command(ctx context.Context, args []string, open Open, out, complaints io.Writer) int {
	call, err := wire.ParseCall(args)
	if call.Request.Verb == wire.Fetch {
		wire.AbortOnCrash()
	}
	if err == nil {
		err = wire.Guard(func() error { return runCall(ctx, call, open, out) })
	}
	if err != nil {
		Complain(complaints, err)
	}
	return call.Exit(err)
}

// Complain prints an error with its class and hint.
func Complain(w io.Writer, err error) {
	text := fmt.Sprintf("wal: %s: %s\n", failure.ClassOf(err), err)
	if hint := failure.HintOf(err); hint != "" {
		text += "hint: " + hint + "\n"
	}
	// PostgreSQL's log is behind w; when that is gone there is nowhere left to say so.
	_, _ = io.WriteString(w, text)
}

func runCall(ctx context.Context, call wire.Call, open Open, out io.Writer) (err error) {
	s, err := settings.Load(call.Config)
	if err != nil {
		return err
	}
	if call.Request.Verb == wire.Status {
		return printStatus(ctx, s, out)
	}
	opts, closeStores, err := open(ctx, s)
	if err != nil {
		// A missing bucket or key is NotFound too, and must not end a recovery.
		return onlyDefinite(err)
	}
	defer func() {
		if closing := closeStores(); err == nil && closing != nil {
			err = failure.Wrap(failure.Unknown, closing, "close stores")
		}
	}()
	switch call.Request.Verb {
	case wire.Serve:
		return Serve(ctx, opts)
	case wire.Push:
		return Push(ctx, opts, call.Request.Path)
	case wire.Fetch:
		return Fetch(ctx, opts, call.Request.Name, call.Request.Path)
	case wire.Status:
	}
	return failure.Invalid("verb", "%.40q is not known", call.Request.Verb)
}

const statusLimit = 10 * time.Second

func printStatus(ctx context.Context, s settings.Settings, out io.Writer) error {
	answer, err := wire.Ask(ctx, s.Socket, wire.Request{Verb: wire.Status}, statusLimit)
	if err == nil {
		err = answer.Err()
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", answer.Status)
	return failure.Wrap(failure.Unavailable, err, "print status")
}
