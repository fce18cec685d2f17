package main

import (
	"context"
	"math"
	"slices"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// sample is one turn of one contender. What a turn does not have is left out.
type sample struct {
	Seconds     float64            `json:"seconds,omitempty"`
	CPUSeconds  float64            `json:"cpu_seconds,omitempty"`         // of the program and its children
	MaxRSSBytes int64              `json:"max_rss_bytes,omitempty"`       // of the program
	Servers     map[string]float64 `json:"servers_cpu_seconds,omitempty"` // of servers that worked for it
	Figures     map[string]float64 `json:"figures,omitempty"`             // what else was counted, by name and unit
}

// contender is one of those who take turns, for the sake of some rows.
type contender struct {
	name string
	turn func(context.Context) (sample, error)
	rows []string
}

// takeTurns lets each contender that a wanted row needs run as often as asked,
// one after the other, and returns their samples by name, in order.
func (w *workshop) takeTurns(ctx context.Context, contenders []contender) (map[string][]sample, error) {
	turns := map[string][]sample{}
	contenders = slices.DeleteFunc(contenders, func(one contender) bool { return !slices.ContainsFunc(one.rows, w.options.wanted) })
	for range w.options.runs {
		for _, one := range contenders {
			made, err := one.turn(ctx)
			if err != nil {
				return turns, failure.Wrap(failure.ClassOf(err), err, "%s", one.name)
			}
			turns[one.name] = append(turns[one.name], made)
			w.say("  %-34s %s", one.name, made)
		}
	}
	return turns, nil
}

// seconds and figures take one number out of each sample.
func seconds(of []sample) []float64 { return pick(of, func(s sample) float64 { return s.Seconds }) }

func figures(of []sample, name string) []float64 {
	return pick(of, func(s sample) float64 { return s.Figures[name] })
}

func pick(of []sample, take func(sample) float64) []float64 {
	out := make([]float64, 0, len(of))
	for _, one := range of {
		out = append(out, take(one))
	}
	return out
}

func median(of []float64) float64 { return percentile(of, 50) }

// percentile is the smallest value that at least percent of all are not above
// (the nearest rank); NaN of none.
func percentile(of []float64, percent float64) float64 {
	if len(of) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(of))
	return sorted[max(0, int(math.Ceil(percent/100*float64(len(sorted))))-1)]
}

func sorted(of []string) []string { return slices.Sorted(slices.Values(of)) }
