package plan

import (
	"math/big"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Met reports whether a value read meets the expectation. Numbers compare as
// exact numbers, other text only for equality; an order of texts is
// InvalidInput: nobody can know which collation was meant.
func (e Expect) Met(got string) (bool, error) {
	cmp, numeric := compareNumbers(got, e.Value)
	switch e.Op {
	case OpEqual:
		return numeric && cmp == 0 || got == e.Value, nil
	case OpNotEqual:
		return got != e.Value && (!numeric || cmp != 0), nil
	case OpLess, OpAtMost, OpMore, OpAtLeast:
	default:
		return false, failure.Invalid("expect.op", "%q is not a comparison", clip(string(e.Op)))
	}
	if !numeric {
		return false, failure.Invalid("expect", "%q %s %q is no comparison of numbers", clip(got), e.Op, clip(e.Value)).
			WithHint("let the query return a number, or compare with = or !=")
	}
	return e.Op == OpLess && cmp < 0 || e.Op == OpAtMost && cmp <= 0 ||
		e.Op == OpMore && cmp > 0 || e.Op == OpAtLeast && cmp >= 0, nil
}

// maxNumber bounds the text of a number, so that an exponent cannot make a
// value of a billion digits.
const maxNumber = 40

func compareNumbers(a, b string) (cmp int, numeric bool) {
	left, ok := parseNumber(a)
	if !ok {
		return 0, false
	}
	right, ok := parseNumber(b)
	if !ok {
		return 0, false
	}
	return left.Cmp(right), true
}

func parseNumber(text string) (*big.Rat, bool) {
	if text == "" || len(text) > maxNumber {
		return nil, false
	}
	for _, c := range text {
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' {
			return nil, false
		}
	}
	return new(big.Rat).SetString(text)
}
