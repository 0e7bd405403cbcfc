package store

// Debts are what must still happen in Redis, because it was asked for while Redis was away.

// The bounds of an outbox for one namespace. Over them everything of the namespace is removed instead.
const (
	maxDebts     = 20_000
	maxDebtBytes = 4 << 20
)

// debtKind is what is owed.
type debtKind int

const (
	oweKey debtKind = iota + 1
	oweTag
	owePrefix
	owePurge // an announcement of everything
)

// debts of one namespace. It is not safe for several goroutines; Remote.mu guards it.
type debts struct {
	all   bool // everything has to go
	texts [owePurge + 1]map[string]struct{}
	count int
	bytes int
}

func (d *debts) add(kind debtKind, text string) {
	if d.all {
		return
	}
	if _, there := d.texts[kind][text]; there {
		return
	}
	d.count++
	d.bytes += len(text)
	if d.count > maxDebts || d.bytes > maxDebtBytes || kind == owePrefix && text == "" {
		*d = debts{all: true, count: 1}
		return
	}
	if d.texts[kind] == nil {
		d.texts[kind] = map[string]struct{}{}
	}
	d.texts[kind][text] = struct{}{}
}

// merge adds what could not be paid.
func (d *debts) merge(unpaid *debts) {
	if unpaid.all {
		*d = debts{all: true, count: 1}
		return
	}
	for kind, texts := range unpaid.texts {
		for text := range texts {
			d.add(debtKind(kind), text)
		}
	}
}
