// Package signin speaks OpenID Connect with one identity provider: it sends a person there with PKCE, state
// and nonce, and takes back what the provider proves of them; and it reads the provider's word that a session
// has ended. It knows nothing of roles or of the ledger: what a proven claim means is for package api.
package signin
