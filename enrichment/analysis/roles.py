"""What some sixty common roles usually ask for. Written for this product; a person can disagree with it.

Each role has names it goes by, skills most postings require (`essential`) and skills that help (`useful`), in
plain names as `analysis/skillbook.py` or the taxonomy spells them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Role:
    """A role and its usual skills, the most asked-for first."""

    name: str
    aliases: tuple[str, ...]
    essential: tuple[str, ...]
    useful: tuple[str, ...]


# three lines a role: name = aliases, then what is essential (!) and what is useful (+)
_TABLE = """
Backend Developer = backend engineer, server-side developer, api developer
  ! SQL, REST APIs, Git, Testing, Python
  + Docker, PostgreSQL, Redis, Linux, CI/CD, Microservices, AWS
Frontend Developer = frontend engineer, ui developer, web ui developer
  ! JavaScript, TypeScript, HTML, CSS, React, Git
  + Testing, Accessibility, Vue.js, Webpack, Figma, Performance Optimisation
Full-Stack Developer = fullstack developer, full stack engineer, web developer
  ! JavaScript, HTML, CSS, SQL, Git, REST APIs
  + TypeScript, React, Node.js, Python, Docker, Testing, CI/CD
Software Engineer = software developer, programmer, application developer
  ! Git, Testing, SQL, Algorithms, Object-Oriented Design
  + Python, Java, Docker, CI/CD, Linux, Code Review, REST APIs
Python Developer = python engineer, django developer
  ! Python, SQL, Git, Testing, REST APIs, Django
  + FastAPI, PostgreSQL, Docker, Redis, Celery, Linux, CI/CD
Java Developer = java engineer, spring developer, j2ee developer
  ! Java, Spring Boot, SQL, Git, Testing, REST APIs
  + Maven, Hibernate, Docker, Kafka, Microservices, Kubernetes
.NET Developer = c# developer, dotnet developer, asp.net developer
  ! C#, .NET, SQL, Git, Testing, REST APIs
  + Azure, Entity Framework, SQL Server, Docker, Microservices
PHP Developer = laravel developer, wordpress developer
  ! PHP, SQL, HTML, JavaScript, Git
  + Laravel, Symfony, MySQL, WordPress, Testing, Docker
Ruby Developer = rails developer, ruby on rails developer
  ! Ruby, Ruby on Rails, SQL, Git, Testing
  + PostgreSQL, Redis, JavaScript, Docker, REST APIs
Go Developer = golang developer, go engineer
  ! Go, SQL, Git, Testing, REST APIs
  + Docker, Kubernetes, gRPC, Microservices, Linux
C++ Developer = c++ engineer, systems programmer
  ! C++, Git, Linux, Algorithms, Testing
  + CMake, Python, Multithreading, Debugging, Performance Optimisation
Embedded Engineer = firmware engineer, embedded software developer
  ! C, C++, Microcontrollers, RTOS, Debugging
  + Linux, Python, Electronics, Testing, Git
Mobile Developer = app developer, mobile engineer
  ! Git, REST APIs, Testing, Mobile Design
  + Swift, Kotlin, React Native, Flutter, CI/CD
iOS Developer = ios engineer, swift developer
  ! Swift, iOS, Git, REST APIs, Testing
  + SwiftUI, Objective-C, CI/CD, Accessibility
Android Developer = android engineer, kotlin developer
  ! Kotlin, Android, Git, REST APIs, Testing
  + Java, Jetpack Compose, CI/CD, Firebase
Game Developer = game programmer, unity developer
  ! C++, C#, Unity, Git, Algorithms
  + Unreal Engine, 3D Graphics, Performance Optimisation, Testing
DevOps Engineer = platform engineer, build engineer, release engineer
  ! Linux, Docker, CI/CD, Kubernetes, Terraform, Git
  + AWS, Python, Bash, Prometheus, Ansible, Networking
Site Reliability Engineer = sre, reliability engineer
  ! Linux, Kubernetes, Monitoring, Python, Incident Management
  + Terraform, Prometheus, Go, Networking, CI/CD, AWS
Cloud Engineer = aws engineer, azure engineer, cloud developer
  ! AWS, Terraform, Linux, Networking, Docker
  + Azure, Google Cloud, Kubernetes, Python, Security, CI/CD
Cloud Architect = solutions architect, aws architect
  ! AWS, System Design, Networking, Security, Terraform
  + Azure, Kubernetes, Microservices, Stakeholder Management, Cost Management
Software Architect = technical architect, application architect
  ! System Design, Microservices, REST APIs, Security, Stakeholder Management
  + Domain-Driven Design, Cloud Computing, Kafka, SQL, Mentoring
System Administrator = sysadmin, linux administrator, it administrator
  ! Linux, Windows Server, Networking, Bash, Monitoring
  + Active Directory, PowerShell, VMware, Backup, Security
Network Engineer = network administrator
  ! Networking, Cisco, Firewalls, Troubleshooting, Security
  + VPN, Linux, Monitoring, Python, Cloud Computing
Security Engineer = cybersecurity engineer, information security engineer, security analyst
  ! Security, Networking, Linux, Vulnerability Management, Incident Management
  + Python, SIEM, Penetration Testing, Cryptography, Cloud Computing
Penetration Tester = ethical hacker, red team
  ! Penetration Testing, Security, Linux, Networking, Python
  + Burp Suite, Report Writing, Cryptography, Bash
Database Administrator = dba, database engineer
  ! SQL, PostgreSQL, Backup, Performance Optimisation, Monitoring
  + MySQL, Oracle Database, Linux, Python, SQL Server
Data Engineer = big data engineer, etl developer
  ! Python, SQL, ETL, Apache Spark, Data Modelling, Git
  + Airflow, Kafka, AWS, dbt, Docker, Snowflake
Data Analyst = reporting analyst, insights analyst
  ! SQL, Excel, Data Visualisation, Statistics, Communication
  + Python, Tableau, Power BI, R, A/B Testing
Business Intelligence Developer = bi developer, bi analyst
  ! SQL, Power BI, Data Modelling, ETL, Data Visualisation
  + Tableau, Excel, Python, Snowflake, Stakeholder Management
Data Scientist = applied scientist, decision scientist
  ! Python, Statistics, Machine Learning, SQL, Data Visualisation, pandas
  + scikit-learn, A/B Testing, PyTorch, R, Git, Communication
Machine Learning Engineer = ml engineer, ai engineer, deep learning engineer
  ! Python, Machine Learning, PyTorch, Git, Docker, SQL
  + TensorFlow, MLOps, Kubernetes, scikit-learn, AWS, Deep Learning, CI/CD
Machine Learning Researcher = research scientist, ai researcher, research engineer
  ! Machine Learning, Python, PyTorch, Deep Learning, Statistics, Scientific Writing
  + NLP, Computer Vision, Reinforcement Learning, Mathematics, Git
NLP Engineer = natural language processing engineer, llm engineer
  ! Python, NLP, Machine Learning, PyTorch, Git
  + Large Language Models, Hugging Face, Docker, SQL, REST APIs
QA Engineer = test engineer, software tester, quality assurance engineer
  ! Testing, Test Automation, Bug Tracking, Git, Agile
  + Selenium, Python, SQL, CI/CD, Performance Testing
Technical Writer = documentation engineer
  ! Technical Writing, Editing, Markdown, Git, Communication
  + HTML, REST APIs, Research, Content Strategy
Engineering Manager = software engineering manager, development manager, team lead, tech lead
  ! Leadership, Mentoring, Agile, System Design, Hiring, Communication
  + Stakeholder Management, Project Management, Budgeting, CI/CD
CTO = chief technology officer, head of engineering, vp engineering
  ! Leadership, Strategy, System Design, Hiring, Budgeting, Stakeholder Management
  + Cloud Computing, Security, Agile, Product Management
Product Manager = product owner, digital product manager
  ! Product Management, Roadmapping, Stakeholder Management, User Research, Agile, Data Analysis
  + A/B Testing, SQL, Prioritisation, Figma, Strategy
Project Manager = program manager, it project manager
  ! Project Management, Budgeting, Risk Management, Stakeholder Management, Communication
  + Agile, Scrum, MS Project, Jira, Change Management
Scrum Master = agile coach
  ! Scrum, Agile, Facilitation, Coaching, Communication
  + Jira, Kanban, Conflict Resolution, Change Management
Business Analyst = requirements analyst, systems analyst
  ! Requirements Analysis, Process Modelling, Stakeholder Management, Communication, Excel
  + SQL, Agile, BPMN, Data Analysis, User Stories
IT Consultant = technology consultant, management consultant, consultant
  ! Stakeholder Management, Communication, Requirements Analysis, Project Management, Presentation
  + Change Management, Data Analysis, Process Modelling, Strategy
UX Designer = user experience designer, ux researcher, product designer
  ! User Research, Wireframing, Figma, Prototyping, Usability Testing
  + Accessibility, Design Systems, HTML, CSS, Communication
UI Designer = visual designer, interface designer, web designer
  ! Figma, Design Systems, Typography, Prototyping, HTML
  + CSS, Accessibility, Adobe Illustrator, Adobe Photoshop
Graphic Designer = communication designer
  ! Adobe Photoshop, Adobe Illustrator, Adobe InDesign, Typography, Branding
  + Figma, Video Editing, Print Production
Digital Marketing Manager = online marketing manager, marketing specialist, growth marketer
  ! SEO, Google Analytics, Content Marketing, Email Marketing, Campaign Management
  + SEM, Social Media, A/B Testing, Copywriting, CRM
Marketing Manager = brand manager, head of marketing
  ! Strategy, Campaign Management, Budgeting, Branding, Market Research
  + SEO, Content Marketing, Leadership, CRM, Data Analysis
SEO Specialist = seo manager, search engine optimisation specialist
  ! SEO, Google Analytics, Content Marketing, Keyword Research, HTML
  + SEM, Copywriting, Python, Data Analysis
Content Writer = copywriter, content creator, editor
  ! Copywriting, Editing, Research, SEO, Content Strategy
  + Social Media, WordPress, Communication
Social Media Manager = community manager
  ! Social Media, Content Marketing, Copywriting, Campaign Management, Data Analysis
  + Video Editing, Customer Service, Branding
Sales Manager = sales director, business development manager
  ! Sales, Negotiation, CRM, Forecasting, Leadership
  + Key Account Management, Salesforce, Strategy, Budgeting
Account Manager = key account manager, customer success manager
  ! Key Account Management, Communication, Negotiation, CRM, Customer Service
  + Salesforce, Presentation, Data Analysis, Forecasting
Sales Representative = sales executive, account executive
  ! Sales, Negotiation, CRM, Communication, Prospecting
  + Salesforce, Presentation, Customer Service
Customer Support Specialist = customer service representative, support agent, help desk
  ! Customer Service, Communication, Troubleshooting, CRM, Documentation
  + Zendesk, Conflict Resolution, Excel
HR Manager = human resources manager, people partner, hr business partner
  ! Human Resources, Hiring, Employment Law, Employee Relations, Communication
  + Coaching, Payroll, Change Management, Data Analysis
Recruiter = talent acquisition specialist, technical recruiter
  ! Hiring, Sourcing, Interviewing, Communication, Applicant Tracking Systems
  + Negotiation, Social Media, Employer Branding
Accountant = bookkeeper, financial accountant
  ! Accounting, Excel, Financial Reporting, Reconciliation, Tax
  + SAP, Auditing, IFRS, Budgeting
Financial Analyst = finance analyst, investment analyst
  ! Financial Modelling, Excel, Forecasting, Financial Reporting, Data Analysis
  + SQL, Power BI, Valuation, Python, Budgeting
Controller = financial controller, finance manager
  ! Financial Reporting, Budgeting, Forecasting, Excel, Accounting
  + SAP, IFRS, Power BI, Leadership
Operations Manager = head of operations, operations lead
  ! Process Improvement, Leadership, Budgeting, Project Management, Data Analysis
  + Lean, Supply Chain, Six Sigma, Stakeholder Management
Supply Chain Manager = logistics manager, procurement manager
  ! Supply Chain, Procurement, Inventory Management, Negotiation, Forecasting
  + SAP, Lean, Excel, Risk Management
Mechanical Engineer = design engineer, mechanical design engineer
  ! CAD, SolidWorks, Mechanical Design, Manufacturing, Technical Drawing
  + MATLAB, Finite Element Analysis, Project Management, Testing
Electrical Engineer = electronics engineer, hardware engineer
  ! Electronics, Circuit Design, PCB Design, Testing, Technical Drawing
  + MATLAB, Microcontrollers, C, Project Management
Civil Engineer = structural engineer, construction engineer
  ! AutoCAD, Structural Analysis, Project Management, Technical Drawing, Construction Management
  + BIM, Budgeting, Risk Management, Surveying
Nurse = registered nurse, staff nurse
  ! Patient Care, Clinical Assessment, Medication Administration, Documentation, Communication
  + Emergency Care, Team Leadership, Electronic Health Records
Teacher = school teacher, lecturer, instructor
  ! Teaching, Curriculum Development, Classroom Management, Assessment, Communication
  + E-Learning, Coaching, Special Education
Administrative Assistant = office manager, executive assistant, secretary
  ! Organisation, Communication, MS Office, Scheduling, Documentation
  + Excel, Bookkeeping, Travel Management, Customer Service
Lawyer = legal counsel, attorney, solicitor
  ! Legal Research, Contract Law, Negotiation, Drafting, Compliance
  + Data Protection, Corporate Law, Litigation
"""


@cache
def roles() -> tuple[Role, ...]:
    """Return every role."""
    lines = _TABLE.strip().splitlines()
    found = []
    for head, essential, useful in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        name, aliases = head.split(" = ")
        found.append(Role(name, _names(aliases), _names(essential[4:]), _names(useful[4:])))
    return tuple(found)


def match(target: str) -> Role | None:
    """Find the role a person means.

    Args:
        target: a role in their words, such as "Senior Backend Engineer (m/f/d)".
    Returns:
        the role whose name or alias shares most words with it, or None when none shares enough.
    """
    wanted = _words(target)
    best: tuple[float, int, Role] | None = None
    for role in roles():
        for name in (role.name, *role.aliases):
            words = _words(name)
            shared = len(wanted & words)
            if not shared:
                continue
            score = 2 * shared / (len(wanted) + len(words))
            specific = len(words)
            if words <= wanted:
                score += 0.2
            if best is None or (score, specific) > best[:2]:
                best = (score, specific, role)
    return best[2] if best and best[0] >= 0.6 else None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


_NOISE_TEXT = """
senior junior lead principal staff mid level m f d w x the a of and remote intern entry experienced head
position role in for ii iii sr jr
"""
_NOISE = frozenset(_NOISE_TEXT.split())
_SAME = {
    "engineer": "developer",
    "dev": "developer",
    "programmer": "developer",
    "engineering": "developer",
    "frontend": "front",
    "backend": "back",
    "fullstack": "full",
    "end": "",
    "stack": "",
    "ml": "machine",
    "learning": "",
}


def _words(text: str) -> set[str]:
    words = {w for w in re.findall(r"[\w#+.]+", text.lower().replace("-", " ")) if w not in _NOISE}
    return {_SAME.get(word, word) for word in words} - {""}
