package clients

// Why a connection is not served: the label by which it is counted, and the reason in the log.
const (
	RefusedConnections       = "connections"        // there are limits.connections
	RefusedClientConnections = "client_connections" // its address has limits.client_connections
	RefusedAddress           = "address"            // allow_from and deny_from keep it out
	RefusedProxy             = "proxy"              // it should begin with a PROXY protocol header, and comes from nobody who may send one
)

// Refusals lists the labels.
func Refusals() []string {
	return []string{RefusedConnections, RefusedClientConnections, RefusedAddress, RefusedProxy}
}
