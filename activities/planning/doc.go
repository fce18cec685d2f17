// Package planning holds the activity that gives a run its part of the plan, from
// the copy pinned on the worker's disk. A message may name a plan only by hash.
package planning
