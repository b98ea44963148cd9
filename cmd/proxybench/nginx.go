package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"text/template"
	"time"
)

// nginxConfig is a minimal configuration: no access log, upstream keep-alive, no
// response buffering.
const nginxConfig = `daemon off;
{{if .Root}}user root;
{{end}}worker_processes {{.Workers}};
worker_rlimit_nofile {{.Files}};
pid {{.Dir}}/nginx.pid;
error_log {{.Dir}}/error.log;
events { worker_connections {{.Connections}}; }
http {
	access_log off;
	client_body_temp_path {{.Dir}}/body;
	proxy_temp_path {{.Dir}}/proxy;
	fastcgi_temp_path {{.Dir}}/fastcgi;
	uwsgi_temp_path {{.Dir}}/uwsgi;
	scgi_temp_path {{.Dir}}/scgi;
	keepalive_requests 100000000;
	client_body_buffer_size 64k;
	proxy_http_version 1.1;
	proxy_set_header Connection "";
	proxy_buffering off;
	upstream primary { server {{.Primary}}; keepalive 2048; keepalive_requests 100000000; }
	upstream relay { server {{.Relay}}; keepalive 2048; keepalive_requests 100000000; }
	server {
		listen {{.Listen}};
		location / {
			proxy_pass http://primary;
{{- if .Mirror}}
			mirror /copy;
{{- end}}
		}
{{- if .Mirror}}
		location = /copy {
			internal;
			proxy_pass http://relay$request_uri;
		}
{{- end}}
	}
}
`

// findNginx is nginx's path, "" if it is not installed.
func findNginx() string {
	path, err := exec.LookPath("nginx")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/nginx") // not in every user's PATH
	}
	if err != nil {
		return ""
	}
	return path
}

// startNginx starts nginx in the foreground. Its port is chosen beforehand; if
// another program takes it first, the next one is tried.
func (b *bench) startNginx(ctx context.Context, k kind) (*process, error) {
	var errs []error
	for range 3 {
		p, err := b.tryNginx(ctx, k)
		if err == nil || ctx.Err() != nil {
			return p, err
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func (b *bench) tryNginx(ctx context.Context, k kind) (*process, error) {
	listen, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.family.dir, string(k)+"-")
	if err != nil {
		return nil, err
	}
	files, err := openFiles()
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	err = template.Must(template.New("nginx").Parse(nginxConfig)).Execute(&text, map[string]any{
		"Root": os.Geteuid() == 0, "Workers": runtime.NumCPU(), "Files": files, "Connections": files / 2, "Dir": dir,
		"Primary": b.primary.listen, "Relay": b.relay.listen, "Listen": listen, "Mirror": k.mirrors(),
	})
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, []byte(text.String()), 0o600); err != nil {
		return nil, err
	}
	p, err := b.family.start(ctx, command{
		name: string(k), path: b.nginx, args: []string{"-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", config},
	}, func(p *process) bool { return nginxReady(p, listen) })
	if err != nil {
		return nil, err
	}
	p.listen = listen
	return p, nil
}

// nginxReady waits for all workers, because their CPU time is read by process id.
func nginxReady(p *process, listen string) bool {
	pids, err := familyOf(p.cmd.Process.Pid)
	if err != nil || len(pids) != 1+runtime.NumCPU() {
		return false
	}
	conn, err := net.DialTimeout("tcp", listen, time.Second)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}
