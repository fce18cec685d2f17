package main

import (
	"flag"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/testsuite/stack/dataset"
)

const (
	minRuns = 3
	// largeBytes is what dataset.Large comes to in a database, indexes included.
	largeBytes = 570e6
)

// options are what the command line says.
type options struct {
	only      *regexp.Regexp // nil: every row
	sizeBytes int64
	runs      int
	profile   string        // directory for processor profiles; "": none
	load      time.Duration // one turn of pgbench
	rpo       time.Duration // one observation of what the stores hold
	plan      string
	results   string
	document  string
}

func parseOptions(args []string) (options, error) {
	var o options
	var only, size string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&only, "only", "", "measure only rows whose name matches this regular expression, and write no results")
	flags.StringVar(&size, "size", "2GB", "of the database, as 200MB or 2GB")
	flags.IntVar(&o.runs, "runs", minRuns, "turns of each contender")
	flags.StringVar(&o.profile, "profile", "", "write processor profiles of our programs to this directory")
	flags.DurationVar(&o.load, "load", 30*time.Second, "one turn of pgbench")
	flags.DurationVar(&o.rpo, "rpo", 5*time.Minute, "how long the newest byte in the stores is observed")
	flags.StringVar(&o.plan, "plan", "deploy/plans/ai-scientist.yaml", "plan whose names are used")
	flags.StringVar(&o.results, "results", "testsuite/bench/results.json", "file that results are written to")
	flags.StringVar(&o.document, "document", "docs/benchmarks.md", "file whose table is rewritten")
	err := flags.Parse(args)
	if err == nil {
		err = o.complete(only, size)
	}
	return o, err
}

func (o *options) complete(only, size string) (err error) {
	if only != "" {
		if o.only, err = regexp.Compile(only); err != nil {
			return failure.Invalid("-only", "%s", err)
		}
	}
	if o.runs < minRuns {
		return failure.Invalid("-runs", "%d: a median wants at least %d", o.runs, minRuns)
	}
	if o.load < time.Second || o.rpo < time.Second {
		return failure.Invalid("-load and -rpo", "must last a second at least")
	}
	o.sizeBytes, err = parseSize(size)
	return err
}

// parseSize reads a number of MB or GB (10⁶ and 10⁹ bytes).
func parseSize(text string) (int64, error) {
	for unit, bytes := range map[string]float64{"MB": 1e6, "GB": 1e9} {
		number, found := strings.CutSuffix(text, unit)
		value, err := strconv.ParseFloat(number, 64)
		if found && err == nil && value*bytes >= 50e6 && value*bytes <= 1e12 {
			return int64(value * bytes), nil
		}
	}
	return 0, failure.Invalid("-size", "%.40q is not a size between 50MB and 1000GB", text)
}

// wanted says whether a row is to be measured.
func (o *options) wanted(name string) bool { return o.only == nil || o.only.MatchString(name) }

// sizeOf is the data set of about this many bytes.
func sizeOf(bytes int64) dataset.Size {
	large, factor := dataset.Large(), float64(bytes)/largeBytes
	scale := func(rows int) int { return int(math.Round(float64(rows) * factor)) }
	return dataset.Size{Experiments: scale(large.Experiments), Results: scale(large.Results), Models: scale(large.Models)}
}
