{{/* What every part's objects have in common. Arguments come as a list: root context, part's name. */}}

{{- define "etn.labels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/part-of: eventonight
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end }}

{{- define "etn.selector" -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
{{- end }}

{{- define "etn.meta" -}}
name: {{ index . 1 }}
namespace: {{ (index . 0).Release.Namespace }}
labels:
  {{- include "etn.labels" . | nindent 2 }}
{{- end }}

{{- define "etn.podmeta" -}}
labels:
  {{- include "etn.selector" . | nindent 2 }}
  app.kubernetes.io/part-of: eventonight
{{- end }}

{{/* The pod's own settings. A third argument is the user it runs as. */}}
{{- define "etn.pod" -}}
{{- $root := index . 0 -}}
{{- $user := index . 2 -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $user }}
  fsGroup: {{ $user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
topologySpreadConstraints:
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: {{ $root.Values.spread }}
  labelSelector:
    matchLabels:
      {{- include "etn.selector" . | nindent 6 }}
{{- with $root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A container's image and rights. The second argument is the image's name in the values. */}}
{{- define "etn.container" -}}
{{- $root := index . 0 -}}
image: {{ index $root.Values.images (index . 1) | quote }}
imagePullPolicy: {{ $root.Values.imagePullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "etn.claim" -}}
accessModes: [ReadWriteOnce]
{{- with .class }}
storageClassName: {{ . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .size | quote }}
{{- end }}

{{/* A port that answers means alive; no program is started to find out. A member of a cluster gets some time
to be in step before the next one is rolled; minReadySeconds would do that, too, but Kubernetes 1.34 was
seen to wait for it for ever when a StatefulSet was scaled down meanwhile. */}}
{{- define "etn.tcp" -}}
startupProbe:
  tcpSocket: {port: {{ .ready }}}
  periodSeconds: 3
  failureThreshold: 200
readinessProbe:
  tcpSocket: {port: {{ .ready }}}
  {{- with .delay }}
  initialDelaySeconds: {{ . }}
  {{- end }}
  periodSeconds: 5
livenessProbe:
  tcpSocket: {port: {{ .live | default .ready }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}

{{- define "etn.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "etn.meta" . | nindent 2 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "etn.selector" . | nindent 6 }}
{{- end }}

{{/* The host without its port. */}}
{{- define "etn.hostname" -}}
{{- regexReplaceAll ":[0-9]+$" .Values.host "" -}}
{{- end }}

{{/* What all installations share, from the file that is generated. */}}
{{- define "etn.product" -}}
{{- .Files.Get "files/product.yaml" -}}
{{- end }}

{{/* Names of the Secrets: an existing one, or the chart's own. */}}
{{- define "etn.secrets" -}}
mongodbAdmin: mongodb-admin
mongodbKeyfile: mongodb-keyfile
rabbitmqAdmin: rabbitmq-admin
rabbitmqCookie: rabbitmq-cookie
keycloakAdmin: keycloak-admin
keycloakDatabase: postgres-keycloak
s3: object-store
{{- end }}

{{- define "etn.secret" -}}
{{- $key := index . 1 -}}
{{- index (index . 0).Values.secrets $key | default (get (include "etn.secrets" . | fromYaml) $key) -}}
{{- end }}

{{/* An environment variable from a Secret: root, variable, key in `secrets`, key in the Secret. */}}
{{- define "etn.env" -}}
- name: {{ index . 1 }}
  valueFrom:
    secretKeyRef: {name: {{ include "etn.secret" (list (index . 0) (index . 2)) }}, key: {{ index . 3 }}}
{{- end }}
