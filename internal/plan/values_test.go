package plan_test

import (
	"encoding"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "4h": 4 * time.Hour, "72h": 72 * time.Hour, "35d": 35 * 24 * time.Hour,
		"1h30m": 90 * time.Minute, "1d12h": 36 * time.Hour, "500ms": 500 * time.Millisecond, "1.5h": 90 * time.Minute, "0s": 0,
	} {
		var d plan.Duration
		require.NoError(t, d.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, d.Std(), text)
	}
	for _, text := range []string{"", "4", "h", "-4h", "4 hours", "1e9h", "99999d", "4h;", "NaN", "1us", "9999999999h", "12d12d"} {
		var d plan.Duration
		err := d.UnmarshalText([]byte(text))
		require.True(t, failure.Is(err, failure.InvalidInput), "%q: %v", text, err)
		require.NotEmpty(t, failure.HintOf(err)+err.Error())
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]plan.Bytes{"64MiB": 64 << 20, "50GiB": 50 << 30, "1TiB": 1 << 40, "7B": 7, "0B": 0, "8 KiB": 8 << 10} {
		var b plan.Bytes
		require.NoError(t, b.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, b, text)
	}
	for _, text := range []string{"", "64", "64M", "64MB", "-1KiB", "1.5GiB", "999999999999999999TiB"} {
		var b plan.Bytes
		require.True(t, failure.Is(b.UnmarshalText([]byte(text)), failure.InvalidInput), text)
	}
}

func TestRPO(t *testing.T) {
	var r plan.RPO
	require.NoError(t, r.UnmarshalText([]byte("none")))
	require.Equal(t, plan.AcceptableLoss, r)
	require.True(t, r.Stated())
	require.False(t, r.Bounded())
	require.Equal(t, "none", r.String())
	require.NoError(t, r.UnmarshalText([]byte("1h")))
	require.Equal(t, time.Hour, r.Std())
	require.Error(t, r.UnmarshalText([]byte("0s")))
	require.Error(t, r.UnmarshalText([]byte("-1ns")))
}

func TestSecretRefs(t *testing.T) {
	var s plan.SecretRef
	require.NoError(t, s.UnmarshalText([]byte("env:NAME")))
	require.Equal(t, "NAME", s.Env())
	require.Empty(t, s.File())
	require.NoError(t, s.UnmarshalText([]byte("file:/etc/x")))
	require.Equal(t, "/etc/x", s.File())
	require.Empty(t, s.Env())
	for _, text := range []string{"hunter2", "env:", "env:A B", "file:relative", "file:/a\nb", "ENV:X"} {
		err := s.UnmarshalText([]byte(text))
		require.True(t, failure.Is(err, failure.InvalidInput), text)
	}
	err := s.UnmarshalText([]byte("hunter2"))
	require.NotContains(t, err.Error()+failure.HintOf(err), "hunter2")
}

// TestValuesReadBack: what a value is written as is that value.
func TestValuesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, int64(100*365*24*time.Hour)).Draw(t, "ns") / 1000 * 1000
		n -= n % int64(rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second, time.Minute, time.Hour, 24 * time.Hour}).Draw(t, "unit"))
		var d plan.Duration
		readBack(t, plan.Duration(n), &d)
		size := rapid.Int64Range(0, 1<<62).Draw(t, "bytes")
		var b plan.Bytes
		readBack(t, plan.Bytes(size), &b)
		var m plan.Months
		readBack(t, plan.Months(rapid.IntRange(1, 999).Draw(t, "months")), &m)
		if d != plan.Duration(n) || b != plan.Bytes(size) {
			t.Fatalf("%s %s", d, b)
		}
	})
}

func readBack(t *rapid.T, from encoding.TextMarshaler, into encoding.TextUnmarshaler) {
	text, err := from.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	if err := into.UnmarshalText(text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func TestExpect(t *testing.T) {
	for _, test := range []struct {
		got  string
		op   plan.CompareOp
		want string
		met  bool
	}{
		{"1", "=", "1", true},
		{"1.0", "=", "1", true},
		{"10", ">", "9", true},
		{"9", ">", "10", false},
		{"9", "<", "10", true},
		{"10", ">=", "10.0", true},
		{"10", "<=", "9.99", false},
		{"t", "=", "t", true},
		{"t", "!=", "f", true},
		{"1", "!=", "1.0", false},
		{"", "=", "", true},
		{"-1", "<", "0", true},
		{"9007199254740993", "=", "9007199254740992", false},
	} {
		met, err := plan.Expect{Op: test.op, Value: test.want}.Met(test.got)
		require.NoError(t, err)
		require.Equal(t, test.met, met, "%s %s %s", test.got, test.op, test.want)
	}
	for _, got := range []string{"", "NULL", "1e999999999", "abc", "0x10", "1/3", "--1"} {
		met, err := plan.Expect{Op: ">", Value: "0"}.Met(got)
		require.True(t, failure.Is(err, failure.InvalidInput), got)
		require.False(t, met)
	}
	_, err := plan.Expect{Op: "~", Value: "0"}.Met("0")
	require.Error(t, err)
}
