//go:build !linux

package main

// coarseTimers is Linux's.
func coarseTimers() {}
