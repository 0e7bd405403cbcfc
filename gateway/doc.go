// Package gateway holds the words that the front ends (httpfront, uwsgifront) and the engines (workers, static,
// cache) share: Request, Response, Handler, Error. It has no behaviour beyond its tables, starts no goroutine,
// takes no lock and imports only the standard library.
//
// A front end turns wire bytes into a Request, hands it to the one Handler that the server package composed, and
// turns the Response or the Error back into wire bytes. Front ends never know which engine answered; engines never
// know which protocol asked.
package gateway
