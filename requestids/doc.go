// Package requestids has the rules of the identifier by which a request is found in the logs of the front server, of
// penknife and of the application: what a peer's identifier must look like to be taken, and how one is made.
//
// An identifier that is made here is a random text of the process and the request's number: "f3k0q6v2m9c1t-1284". It is
// unique over restarts and machines, and names the numeric ID that other log lines have. The package starts no
// goroutine and takes no lock; a Source does not change after New.
package requestids
