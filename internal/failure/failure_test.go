package failure_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/failure"
)

func classes() []failure.Class {
	return []failure.Class{
		failure.InvalidInput, failure.NotFound, failure.Exists, failure.Refused, failure.Forbidden, failure.Unavailable,
		failure.Corrupt, failure.WALGap, failure.TargetUnreachable, failure.TargetMissed, failure.IdentityMismatch,
		failure.InsufficientSpace, failure.CheckFailed, failure.Unsafe, failure.Internal, failure.Unknown,
	}
}

func TestEveryClassHasItsOwnExitCode(t *testing.T) {
	t.Parallel()
	seen := map[int]failure.Class{}
	for _, class := range classes() {
		code := class.ExitCode()
		require.Greater(t, code, 1, class)
		require.Less(t, code, 126, class)
		require.Empty(t, seen[code], "%s and %s share %d", seen[code], class, code)
		seen[code] = class
	}
	require.Equal(t, failure.Unknown.ExitCode(), failure.Class("made up").ExitCode(), "never 0")
}

func TestClassOfTakesTheOutermost(t *testing.T) {
	t.Parallel()
	inner := failure.New(failure.NotFound, "no object").WithHint("starter backup list")
	outer := failure.Wrap(failure.WALGap, fmt.Errorf("read: %w", inner), "fetch segment")
	require.Equal(t, failure.WALGap, failure.ClassOf(fmt.Errorf("replay: %w", outer)))
	require.Equal(t, "starter backup list", failure.HintOf(outer), "the hint travels outward")
	require.Equal(t, "fetch segment: read: no object", outer.Error())
	require.ErrorIs(t, outer, inner)
}

func TestClassOfWhatHasNone(t *testing.T) {
	t.Parallel()
	require.Equal(t, failure.Unknown, failure.ClassOf(errors.New("something")))
	require.Equal(t, failure.Unavailable, failure.ClassOf(context.DeadlineExceeded))
	require.Equal(t, failure.Class(""), failure.ClassOf(nil))
	require.NoError(t, failure.Wrap(failure.Corrupt, nil, "nothing went wrong"))
	require.True(t, failure.Unknown.Retryable(), "a bounded retry costs little and a lost run much")
	require.False(t, failure.Corrupt.Retryable())
}
