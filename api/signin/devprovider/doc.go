// Package devprovider is an identity provider for demonstrations and tests, on this machine alone: discovery,
// keys, a page where a person is picked without a password, and a token endpoint that checks what a real one
// checks. Never put it where anybody else can reach it: whoever reaches it is whoever they like.
package devprovider
