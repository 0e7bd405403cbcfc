// Package handover passes a service from one process to its successor without a moment in which nobody serves. It has both
// sides of the conversation, and no idea of what is handed over: descriptors with a name and a description.
//
// The predecessor starts the successor with a socket between them (descriptor 3, named in a variable of the
// environment) and the descriptors from 4 on. Then they exchange lines of JSON:
//
//	predecessor              successor
//	offer  ───────────────►
//	       ◄───────────────  begun: I know this conversation, and may take so long to start
//	       ◄───────────────  ready: I could serve   (or failed: why not)
//	proceed ──────────────►  (or cancel)
//	       ◄───────────────  serving: I do
//
// Until it hears "serving" the predecessor goes on as if nothing was. If it disappears before, the end of the socket
// tells the successor, which then serves as soon as it can: so at any moment the death of one leaves the other.
//
// Goroutines: Predecessor.Begin starts one that reads what the predecessor says; it ends with the socket, at the latest
// by Close. Locks: Predecessor.mu, a leaf.
package handover
