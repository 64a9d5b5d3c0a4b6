//go:build !linux

package api

func lowerPriority() {}
