{{/* What values.schema.json cannot say: which values belong together. */}}
{{- define "etn.checks" -}}
{{- $v := .Values -}}
{{- $known := list -}}
{{- range (include "etn.product" . | fromYaml).services }}{{ $known = append $known .name }}{{ end -}}
{{- range $name, $_ := $v.services -}}
{{- if not (has $name $known) }}{{ fail (printf "services.%s: no such service; there are: %s" $name (join ", " $known)) }}{{ end -}}
{{- end -}}
{{- if not (or $v.mongodb.enabled (and $v.mongodb.external.hosts $v.secrets.mongodbAdmin)) -}}
{{- fail "mongodb.enabled is false: name mongodb.external.hosts and secrets.mongodbAdmin" -}}
{{- end -}}
{{- if not (or $v.rabbitmq.enabled (and $v.rabbitmq.external.url $v.rabbitmq.external.managementURL $v.secrets.rabbitmqAdmin)) -}}
{{- fail "rabbitmq.enabled is false: name rabbitmq.external.url, rabbitmq.external.managementURL and secrets.rabbitmqAdmin" -}}
{{- end -}}
{{- if not (or $v.keycloak.enabled (and $v.keycloak.external.url $v.secrets.keycloakAdmin)) -}}
{{- fail "keycloak.enabled is false: name keycloak.external.url and secrets.keycloakAdmin" -}}
{{- end -}}
{{- if not (or $v.postgres.enabled (not $v.keycloak.enabled) (and $v.postgres.external.host $v.secrets.keycloakDatabase)) -}}
{{- fail "postgres.enabled is false: name postgres.external.host and secrets.keycloakDatabase" -}}
{{- end -}}
{{- if not (or $v.redis.enabled $v.redis.external.url) -}}
{{- fail "redis.enabled is false: name redis.external.url" -}}
{{- end -}}
{{- if not (or $v.s3.enabled (and $v.s3.external.endpoint $v.secrets.s3)) -}}
{{- fail "s3.enabled is false: name s3.external.endpoint and secrets.s3" -}}
{{- end -}}
{{- if and $v.mongodb.enabled (eq (int $v.mongodb.members) 1) (not $v.allowSingleMember) -}}
{{- fail "mongodb.members is 1, which survives nothing: set allowSingleMember to accept that" -}}
{{- end -}}
{{- if and $v.cloudflared.enabled (not $v.cloudflared.tokenSecret) -}}
{{- fail "cloudflared.enabled is true: name cloudflared.tokenSecret" -}}
{{- end -}}
{{- end }}
