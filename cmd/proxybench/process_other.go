//go:build !linux

package main

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"
)

var errUnsupported = errors.New("proxybench needs Linux: it reads CPU time and memory of other processes from the kernel")

func supported() error { return fmt.Errorf("%w, and this is %s", errUnsupported, runtime.GOOS) }

func childAttributes() *syscall.SysProcAttr { return nil }

func killGroup(int) {}

func cpuTime(int) (time.Duration, error) { return 0, errUnsupported }

func resident(int) (now, peak int64, err error) { return 0, 0, errUnsupported }

func familyOf(int) ([]int, error) { return nil, errUnsupported }

func openFiles() (uint64, error) { return 0, errUnsupported }

func busyTime() (time.Duration, error) { return 0, errUnsupported }

func ownTime() (time.Duration, error) { return 0, errUnsupported }
