package top

import (
	"cmp"
	"slices"

	"penknife/control"
)

// order is by what the workers are sorted.
type order uint8

const (
	byIndex order = iota
	byLoad
	byRequests
	byMemory
	orders
)

var orderNames = [...]string{byIndex: "worker", byLoad: "load", byRequests: "requests", byMemory: "memory"}

// String is the name on the screen.
func (o order) String() string { return orderNames[o%orders] }

func (o order) next() order { return (o + 1) % orders }

// sorted gives the workers in that order, the largest first but for their numbers.
func (o order) sorted(list []control.Worker) []control.Worker {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b control.Worker) int {
		c := 0
		switch o {
		case byLoad:
			c = -cmp.Compare(a.Load, b.Load)
		case byRequests:
			c = -cmp.Compare(a.Requests, b.Requests)
		case byMemory:
			c = -cmp.Compare(a.Resident, b.Resident)
		}
		return cmp.Or(c, cmp.Compare(a.Index, b.Index))
	})
	return list
}
