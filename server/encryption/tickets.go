package encryption

import (
	"os"
	"time"

	"penknife/handover"
)

// ItemTickets is the kind of a handover.Item: the keys of session tickets, without a file.
const ItemTickets = "tickets"

// TicketItem is what a successor needs so that clients can resume their sessions. The caller closes its file.
func (t *TLS) TicketItem() (handover.Item, error) {
	keys, err := t.tickets.Export()
	if err != nil {
		return handover.Item{}, err
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		return handover.Item{}, err
	}
	return handover.Item{Kind: ItemTickets, Info: keys, File: file}, nil
}

// Resume takes the keys of the predecessor, from the Info of its item. Without them clients only take longer for their next handshake.
func (t *TLS) Resume(info []byte) {
	if err := t.tickets.Import(info, time.Now()); err != nil {
		t.deps.Log.Warn("clients cannot resume their TLS sessions", "error", err)
	}
}
