{{/*
Who talks to whom, and on which port: the one list that every NetworkPolicy is made from.
Names are parts of this release, and besides:
  world       anybody, in the cluster or outside
  outside     anybody, as a place to go to
  operator    the operator's pods in this namespace
  monitoring  pods of the namespace that measures
*/}}
{{- define "etn.traffic" -}}
{{- $v := .Values -}}
{{- $product := include "etn.product" . | fromYaml -}}
{{- $needs := .Files.Get "files/needs.yaml" | fromYaml -}}
{{- $ports := dict -}}
{{- range $product.services }}{{ $_ := set $ports .name (int .port) }}{{ end -}}
{{- $inside := dict "mongodb" 27017 "rabbitmq" 5672 "keycloak" 8080 "redis" 6379 "s3" 8333 -}}
flows:
- {from: world, to: gateway, port: 8000}
- {from: gateway, to: portal, port: 8079}
{{- range $name, $port := $ports }}
- {from: gateway, to: {{ $name }}, port: {{ $port }}}
- {from: monitoring, to: {{ $name }}, port: {{ $port }}}
{{- range get $needs $name }}
{{- if hasKey $ports . }}
- {from: {{ $name }}, to: {{ . }}, port: {{ get $ports . }}}
{{- else if (get $v .).enabled }}
- {from: {{ $name }}, to: {{ . }}, port: {{ get $inside . }}}
{{- else }}
- {from: {{ $name }}, to: outside}
{{- end }}
{{- end }}
{{- end }}
- {from: monitoring, to: gateway, port: 8082}
{{- if $v.mongodb.enabled }}
- {from: operator, to: mongodb, port: 27017}
- {from: mongodb, to: mongodb, port: 27017}
{{- end }}
{{- if $v.rabbitmq.enabled }}
- {from: operator, to: rabbitmq, port: 5672}
- {from: operator, to: rabbitmq, port: 15672}
- {from: rabbitmq, to: rabbitmq, port: 4369}
- {from: rabbitmq, to: rabbitmq, port: 25672}
# Peer discovery asks the API server, which may have any address.
- {from: rabbitmq, to: outside, port: 443}
- {from: rabbitmq, to: outside, port: 6443}
- {from: monitoring, to: rabbitmq, port: 15692}
{{- end }}
{{- if $v.keycloak.enabled }}
- {from: gateway, to: keycloak, port: 8080}
- {from: operator, to: keycloak, port: 8080}
- {from: monitoring, to: keycloak, port: 9000}
{{- if gt (int $v.keycloak.replicas) 1 }}
- {from: keycloak, to: keycloak, port: 7800}
- {from: keycloak, to: keycloak, port: 57800}
{{- end }}
{{- if $v.postgres.enabled }}
- {from: keycloak, to: postgres, port: 5432}
{{- else }}
- {from: keycloak, to: outside, port: {{ $v.postgres.external.port }}}
{{- end }}
{{- if $v.mail.host }}
- {from: keycloak, to: outside, port: {{ $v.mail.port }}}
{{- else }}
- {from: keycloak, to: portal, port: 1025}
{{- end }}
{{- else }}
- {from: gateway, to: outside}
{{- end }}
{{- if $v.seed.enabled }}
- {from: seed, to: gateway, port: 8000}
{{- end }}
{{- if $v.cloudflared.enabled }}
- {from: cloudflared, to: gateway, port: 8000}
- {from: cloudflared, to: outside, port: 443}
- {from: cloudflared, to: outside, port: 7844}
- {from: monitoring, to: cloudflared, port: 2000}
{{- end }}
{{- end }}
