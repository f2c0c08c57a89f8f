{{- define "awaitd.name" -}}
{{ default .Chart.Name .Values.nameOverride }}
{{- end }}

{{- /* At most 52 signs: a StatefulSet adds what stands behind its pods' names. */}}
{{- define "awaitd.fullname" -}}
{{- $name := include "awaitd.name" . }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $full .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "awaitd.selector" -}}
app.kubernetes.io/name: {{ include "awaitd.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "awaitd.labels" -}}
{{ include "awaitd.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "awaitd.image" -}}
{{ required "image.repository: say where you pushed the image" .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}

{{- /* Where a probe knocks. */}}
{{- define "awaitd.door" -}}
port: http
scheme: {{ ternary "HTTPS" "HTTP" (ne .Values.tls.existingSecret "") }}
{{- end }}

{{- /* By which names others ask for the service. */}}
{{- define "awaitd.hosts" -}}
{{- $name := include "awaitd.fullname" . }}
{{- $there := printf "%s.%s" $name .Release.Namespace }}
{{- $service := list $name $there (printf "%s.svc" $there) (printf "%s.svc.cluster.local" $there) }}
{{- concat $service .Values.allowedHosts | join "," }}
{{- end }}
